"""The JSON schema of the chart's values: it refuses misspelt names before anything is installed.

python -m deploy.chart.values_schema > helm/values.schema.json
"""

import json
from typing import Any

from deploy.chart.settings_schema import settings_schema

Schema = dict[str, Any]

MAX_HER_ID = 2**31 - 1
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
FREE: Schema = {"type": "object"}
"""Kubernetes' own to check."""
LABELS: Schema = {"type": "object", "additionalProperties": TEXT}
NAME: Schema = {"type": "string", "maxLength": 253, "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"}
DURATION: Schema = {"type": "string", "pattern": "^([0-9]+(ms|[smhd]))+$"}
QUANTITY: Schema = {"type": "string", "pattern": "^[0-9.]+([KMGTPE]i?|m)?$"}


def group(**properties: Schema) -> Schema:
    """Exactly these values, none of them required: the chart has defaults."""
    return {"type": "object", "additionalProperties": False, "properties": properties}


def listed(items: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": items}


def whole(minimum: int, maximum: int) -> Schema:
    """A whole number within bounds."""
    return {"type": "integer", "minimum": minimum, "maximum": maximum}


def one_of(*values: str) -> Schema:
    """One of these texts."""
    return {"enum": list(values)}


KEY_OF_SECRET = group(name=NAME, key={"type": "string", "pattern": "^[-._a-zA-Z0-9]+$"})
HER_IDS = listed(whole(1, MAX_HER_ID)) | {"maxItems": 45_000}
EGRESS = group(to=listed(FREE), ports=listed(whole(1, 65_535)) | {"minItems": 1})


def _workload() -> dict[str, Schema]:
    return {
        "image": group(
            repository={"type": "string", "minLength": 1},
            tag=TEXT,
            digest={"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
            pullPolicy=one_of("Always", "IfNotPresent", "Never"),
        ),
        "imagePullSecrets": listed(group(name=NAME)),
        "nameOverride": NAME,
        "fullnameOverride": NAME,
        "replicas": whole(0, 100),
        "resources": FREE,
        "terminationGracePeriodSeconds": {"type": ["integer", "null"], "minimum": 1},
        "podDisruptionBudget": group(enabled=FLAG),
        "topologySpreadConstraints": listed(FREE),
        "serviceAccount": group(create=FLAG, name=NAME, annotations=LABELS),
        "podSecurityContext": FREE,
        "securityContext": FREE,
        "podLabels": LABELS,
        "podAnnotations": LABELS,
        "extraEnv": listed(FREE),
        "extraVolumes": listed(FREE),
        "extraVolumeMounts": listed(FREE),
        "priorityClassName": TEXT,
        "nodeSelector": LABELS,
        "tolerations": listed(FREE),
        "affinity": FREE,
    }


def _configuration() -> dict[str, Schema]:
    return {
        "store": group(
            kind=one_of("postgresql", "sqlite"),
            sqlite=group(size=QUANTITY, storageClassName=TEXT),
        ),
        "settings": settings_schema(),
        "herIds": group(
            files={
                "type": "object",
                "propertyNames": {"pattern": "^[a-z0-9-]{1,40}$"},
                "additionalProperties": HER_IDS | {"minItems": 1},
            },
            existingConfigMap=NAME,
        ),
        "secrets": group(
            brokerUrls=KEY_OF_SECRET,
            brokerManagementUrl=KEY_OF_SECRET,
            brokerTlsCa=KEY_OF_SECRET,
            brokerTlsCert=KEY_OF_SECRET,
            brokerTlsKey=KEY_OF_SECRET,
            storeUrl=KEY_OF_SECRET,
            storeTlsCa=KEY_OF_SECRET,
            storeTlsCert=KEY_OF_SECRET,
            storeTlsKey=KEY_OF_SECRET,
            nhnPrivateKey=KEY_OF_SECRET,
            altinnPrivateKey=KEY_OF_SECRET,
            altinnToken=KEY_OF_SECRET,
        ),
    }


def _surroundings() -> dict[str, Schema]:
    monitor = group(enabled=FLAG, labels=LABELS, interval=DURATION)
    return {
        "networkPolicy": group(
            enabled=FLAG,
            opsFrom=listed(FREE),
            dns=EGRESS,
            apis=EGRESS,
            broker=EGRESS,
            store=EGRESS,
            extraEgress=listed(FREE),
        ),
        "monitoring": group(
            podMonitor=monitor,
            serviceMonitor=monitor,
            prometheusRule=group(enabled=FLAG, labels=LABELS, runbookUrl=TEXT),
            dashboard=group(enabled=FLAG, labels=LABELS, annotations=LABELS),
        ),
        "topology": group(
            enabled=FLAG,
            clusterReference=group(name=NAME, namespace=NAME, connectionSecret=group(name=NAME)),
            vhost={"type": "string", "minLength": 1},
            subscriptions=FLAG,
            user=TEXT,
        ),
    }


def values_schema() -> Schema:
    """The whole schema."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the notification bridge's chart",
        # Charts that have this one as a dependency pass `global` to it.
        **group(**_workload(), **_configuration(), **_surroundings(), **{"global": FREE}),
    }


def rendered() -> str:
    """As it stands in the chart."""
    return json.dumps(values_schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(rendered(), end="")  # noqa: T201 - for a file
