import pytest

from bridge.ops.address import ops_url, printable


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
        ("::1", "http://[::1]:8080"),
        ("bridge.example", "http://bridge.example:8080"),
    ],
)
def test_a_bridge_is_asked_where_it_listens(host: str, url: str) -> None:
    assert ops_url(host, 8080) == url


def test_what_could_steer_a_terminal_is_not_shown() -> None:
    assert printable("a\x1b[31mb\u202ec æ") == "a�[31mb�c æ"
