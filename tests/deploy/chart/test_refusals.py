"""What cannot work is refused before anything is installed, with a sentence that says what to do."""

from pathlib import Path

import pytest

from tests.deploy.chart.matrix import SQLITE, TENANTS
from tests.support.chart import HELM_3, HELM_4, MINIMAL, ToolFailedError, Values, merged, render

pytestmark = [pytest.mark.chart, pytest.mark.timeout(120)]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            merged(SQLITE, {"replicas": 2}),
            (
                "replicas is 2, but store.kind is sqlite, which one bridge alone can use: "
                "set replicas to 1, or store.kind to postgresql."
            ),
        ),
        (
            merged(MINIMAL, {"secrets": {"storeUrl": None}}),
            (
                "secrets.storeUrl.name is missing: name the Secret with the database's URL, "
                "or set store.kind to sqlite and replicas to 1."
            ),
        ),
        (
            merged(SQLITE, {"secrets": {"storeUrl": {"name": "bridge-store"}}}),
            "secrets.storeUrl.name is given, but store.kind is sqlite: remove it, or set store.kind to postgresql.",
        ),
        (
            merged(MINIMAL, {"secrets": {"brokerUrls": None}}),
            "secrets.brokerUrls.name is missing: name the Secret with the broker's AMQP URLs.",
        ),
        (
            merged(MINIMAL, {"settings": None, "herIds": None}),
            "No source is on: give herIds.files (and settings.nhn.source_system), or settings.altinn.",
        ),
        (
            merged(MINIMAL, {"herIds": {"existingConfigMap": "receivers"}}),
            "herIds.files and herIds.existingConfigMap are both given: keep one.",
        ),
        (
            merged(TENANTS, {"herIds": {"files": {"west": [1]}}}),
            (
                "herIds.files has west, but no tenant of settings.nhn.tenants has that name "
                "(without tenants it is called default)."
            ),
        ),
        (
            merged(MINIMAL, {"terminationGracePeriodSeconds": 25}),
            (
                "terminationGracePeriodSeconds is 25, but a drain may take settings.shutdown_deadline_s, 25 s: "
                "give it at least 30."
            ),
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_cannot_work_is_refused_with_a_sentence(values: Values, sentence: str) -> None:
    with pytest.raises(ToolFailedError) as refused:
        render(values)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("helm", [HELM_3, HELM_4], ids=["helm3", "helm4"])
@pytest.mark.parametrize(
    ("misspelt", "name"),
    [
        ({"replica": 3}, "replica"),
        ({"image": {"repo": "x"}}, "repo"),
        ({"herIds": {"file": {"default": [1]}}}, "file"),
        ({"settings": {"nhn": {"poll_intervall_s": 30}}}, "poll_intervall_s"),
        ({"settings": {"broker": {"subscriptions": [{"queue": "q", "binding": ["#"]}]}}}, "binding"),
        ({"secrets": {"brokerUrl": {"name": "x"}}}, "brokerUrl"),
        ({"monitoring": {"podMonitor": {"enable": True}}}, "enable"),
        ({"networkPolicy": {"api": {"ports": [443]}}}, "api"),
    ],
    ids=str,
)
def test_a_misspelt_value_is_refused_by_its_name(misspelt: Values, name: str, helm: Path) -> None:
    with pytest.raises(ToolFailedError, match=f"(?i)additional propert(y|ies) '?{name}'? (is )?not allowed"):
        render(merged(MINIMAL, misspelt), helm=helm)


@pytest.mark.parametrize(
    "secret",
    [
        {"broker": {"urls": "amqp://bridge:secret@rabbit/"}},
        {"broker": {"management_url": "http://bridge:secret@rabbit:15672"}},
        {"store": {"url": "postgresql://bridge:secret@db/bridge"}},
        {"nhn": {"auth": {"private_key": "{}"}}},
        {"altinn": {"auth": {"private_key": "{}"}}},
        {"altinn": {"auth": {"token": "secret"}}},
    ],
    ids=str,
)
def test_a_secret_among_the_settings_is_refused(secret: Values) -> None:
    """A ConfigMap is for everybody to read."""
    with pytest.raises(ToolFailedError, match=r"(?i)additional propert"):
        render(merged(MINIMAL, {"settings": secret}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"herIds": {"files": {"default": [0]}}},
        {"herIds": {"files": {"default": ["6789"]}}},
        {"herIds": {"files": {"default": []}}},
        {"settings": {"nhn": {"page_size": 1001}}},
        {"settings": {"broker": {"unroutable": "drop"}}},
        {"settings": {"nhn": {"auth": {"orgnr_parent": 994598759}}}},
        {"store": {"kind": "mysql"}},
        {"image": {"digest": "latest"}},
    ],
    ids=str,
)
def test_a_value_out_of_its_bounds_is_refused(wrong: Values) -> None:
    with pytest.raises(ToolFailedError, match="don't meet the specifications of the schema"):
        render(merged(MINIMAL, wrong))
