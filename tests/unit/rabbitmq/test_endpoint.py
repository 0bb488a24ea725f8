import pytest

from bridge.errors import ConfigurationError
from bridge.rabbitmq.endpoint import Endpoint


@pytest.mark.parametrize(
    ("url", "address", "uses_tls"),
    [
        ("amqp://guest:guest@localhost:5672/", "localhost:5672", False),
        ("amqp://rabbitmq", "rabbitmq:5672", False),
        ("amqps://user:p%40ss@rabbitmq.example.no/vhost", "rabbitmq.example.no:5671", True),
        ("amqps://user:secret@[::1]:5673/%2f", "[::1]:5673", True),
    ],
)
def test_a_url_is_shown_by_host_and_port_alone(url: str, address: str, uses_tls: bool) -> None:
    endpoint = Endpoint.parse(url)

    assert endpoint.address == address
    assert endpoint.uses_tls is uses_tls
    assert "secret" not in repr(endpoint)


@pytest.mark.parametrize(
    "url",
    ["http://user:secret@host/", "amqp:///vhost", "user:secret@host", "amqp://user:secret@host:x/", "amqp://[::1"],
)
def test_what_names_no_broker_is_a_mistake_told_without_user_or_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Endpoint.parse(url)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("query", ["no_verify_ssl=1", "cafile=/tmp/ca.pem", "verify=verify_none", "heartbeat=600"])
def test_parameters_are_refused_so_that_none_can_turn_verification_off(query: str) -> None:
    with pytest.raises(ConfigurationError, match=r"for host:5671 has parameters .* always verified") as caught:
        Endpoint.parse(f"amqps://user:secret@host/vhost?{query}")

    assert "secret" not in str(caught.value)
