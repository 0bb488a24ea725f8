"""The settings that a pod gets are settings of the bridge: here the bridge reads what the chart renders."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from bridge.ops.server import PATHS
from bridge.settings import Settings, load_settings, settings_reference
from tests.deploy.chart.matrix import EVERY_SECRET, EVERYTHING_ELSE, MATRIX, SQLITE, TENANTS, TOPOLOGY
from tests.support.certificates import Authority
from tests.support.chart import CHART, MINIMAL, Values, merged, only, pod_spec, render
from tests.support.sign_in import ec_jwk, pem, rsa_key

pytestmark = [pytest.mark.chart, pytest.mark.timeout(120)]

Load = Callable[[Values], Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """The bridge's settings in a pod whose files are under `tmp_path`."""
    certificate, key = Authority(tmp_path).issue("127.0.0.1")
    contents = {
        "broker.urls_file": "amqps://bridge:secret@rabbit-0:5671/\namqps://bridge:secret@rabbit-1:5671/\n",
        "broker.management_url_file": "https://bridge:secret@rabbit:15671",
        "broker.tls.ca_file": (tmp_path / "authority.pem").read_text(),
        "broker.tls.cert_file": certificate.read_text(),
        "broker.tls.key_file": key.read_text(),
        "store.url_file": "postgresql://bridge:secret@db/bridge",
        "store.tls.ca_file": (tmp_path / "authority.pem").read_text(),
        "store.tls.cert_file": certificate.read_text(),
        "store.tls.key_file": key.read_text(),
        "nhn.auth.private_key_file": ec_jwk(),
        "altinn.auth.private_key_file": pem(rsa_key()),
    }

    def load(values: Values) -> Settings:
        manifests = render(values)
        root = tmp_path / "etc"
        for name in ("settings", "secrets", "her-ids"):
            (root / name).mkdir(parents=True, exist_ok=True)
        for volume in pod_spec(manifests)["volumes"]:
            for source in volume.get("projected", {}).get("sources", ()):
                (item,) = source["secret"]["items"]
                (root / "secrets" / item["path"]).write_text(contents[item["path"]])
        receivers = [each for each in manifests if each["metadata"]["name"].endswith("-her-ids")]
        for name, text in receivers[0]["data"].items() if receivers else {"default": "6789\n"}.items():
            (root / "her-ids" / name).write_text(text)
        text = only(manifests, "ConfigMap", _settings_name(values))["data"]["bridge.yaml"]
        file = root / "settings" / "bridge.yaml"
        file.write_text(text.replace("/etc/bridge", str(root)))
        return load_settings({"BRIDGE_CONFIG_FILE": str(file)})

    return load


def _settings_name(values: Values) -> str:
    return f"{values.get('fullnameOverride', 'bridge-notification-bridge')}-settings"


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)
def test_the_bridge_takes_what_the_chart_renders(values: Values, load: Load) -> None:
    assert load(values).ops.host == "0.0.0.0"


def test_receivers_are_in_a_file_of_their_own(load: Load) -> None:
    settings = load(MINIMAL)
    assert settings.nhn.her_ids_file is not None
    assert settings.nhn.her_ids_file.read_text() == "6789\n8142520\n"


def test_each_tenant_gets_the_file_of_its_name_unless_it_has_receivers(load: Load) -> None:
    north, south = load(TENANTS).nhn.tenants
    assert north.her_ids_file is not None
    assert north.her_ids_file.read_text() == "6789\n"
    assert south.her_ids_file is None
    assert south.her_ids == {7001}


def test_secrets_arrive_as_files(load: Load) -> None:
    settings = load(EVERY_SECRET)
    assert settings.broker.url_source.get() == (
        "amqps://bridge:secret@rabbit-0:5671/",
        "amqps://bridge:secret@rabbit-1:5671/",
    )
    assert settings.broker.tls.ca_file is not None
    assert settings.altinn.auth.key is not None


def test_numbers_arrive_as_they_were_written(load: Load) -> None:
    """Helm reads every number as a float, and would write 6.7108864e+07."""
    settings = load(EVERYTHING_ELSE)
    assert (settings.http.max_body_bytes, settings.shutdown_deadline_s) == (67108864, 59.5)


def test_sqlite_is_on_the_volume(load: Load) -> None:
    assert load(SQLITE).store.url_source.get() == "sqlite:////var/lib/bridge/bridge.db"
    mounts = pod_spec(render(SQLITE))["containers"][0]["volumeMounts"]
    assert {"name": "data", "mountPath": "/var/lib/bridge"} in mounts


def test_where_the_operator_declares_the_bridge_only_looks_unless_told_otherwise(load: Load) -> None:
    assert load(TOPOLOGY).broker.topology == "check"
    assert load(merged(TOPOLOGY, {"settings": {"broker": {"topology": "declare"}}})).broker.topology == "declare"
    assert load(MINIMAL).broker.topology == "declare"


def test_there_is_a_secret_for_each_setting_that_names_a_file() -> None:
    """And none for a setting that is not there."""
    files = {setting.name for setting in settings_reference() if setting.name.endswith("_FILE")}
    every = {name: {"name": "x"} for name in yaml.safe_load((CHART / "values.yaml").read_text())["secrets"]}
    text = only(render(merged(MINIMAL, {"secrets": every})), "ConfigMap", _settings_name(MINIMAL))["data"][
        "bridge.yaml"
    ]
    assert set(_names(yaml.safe_load(text), "BRIDGE_")) == (
        files | {"BRIDGE_OPS__HOST", "BRIDGE_NHN__SOURCE_SYSTEM", "BRIDGE_NHN__AUTH__CLIENT_ID"}
    )


def _names(tree: object, above: str) -> list[str]:
    if not isinstance(tree, dict):
        return [above.removesuffix("__")]
    return [name for key, value in tree.items() for name in _names(value, f"{above}{key.upper()}__")]


def test_the_probes_ask_what_the_ops_port_answers() -> None:
    (container,) = pod_spec(render(EVERYTHING_ELSE))["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert probes == {
        "startup": {"path": "/livez", "port": "ops"},
        "liveness": {"path": "/livez", "port": "ops"},
        "readiness": {"path": "/readyz", "port": "ops"},
    }
    assert {probe["path"] for probe in probes.values()} <= set(PATHS)
    assert container["ports"] == [{"name": "ops", "containerPort": 9090, "protocol": "TCP"}]
