"""The values that the chart is rendered with: each kind of installation, each switch on at least once."""

from tests.support.chart import MINIMAL, Values, merged

SQLITE: Values = {
    "settings": MINIMAL["settings"],
    "herIds": MINIMAL["herIds"],
    "secrets": {"brokerUrls": {"name": "bridge-broker"}, "nhnPrivateKey": {"name": "bridge-helseid"}},
    "store": {"kind": "sqlite", "sqlite": {"size": "2Gi", "storageClassName": "fast"}},
    "replicas": 1,
}

TENANTS = merged(
    MINIMAL,
    {
        "settings": {
            "nhn": {
                "auth": {"tenancy": "multi"},
                "tenants": [
                    {"name": "north", "orgnr_parent": "994598759"},
                    {"name": "south", "orgnr_parent": "883974832", "her_ids": [7001]},
                ],
            }
        },
        "herIds": {"files": {"default": None, "north": [6789]}},
    },
)

EVERY_SECRET = merged(
    MINIMAL,
    {
        "settings": {"altinn": {"auth": {"client_id": "0b2f", "key_id": "k1"}, "discovery": "feed"}},
        "secrets": {
            "brokerManagementUrl": {"name": "bridge-broker"},
            "brokerTlsCa": {"name": "bridge-broker-tls"},
            "brokerTlsCert": {"name": "bridge-broker-tls"},
            "brokerTlsKey": {"name": "bridge-broker-tls"},
            "altinnPrivateKey": {"name": "bridge-maskinporten"},
        },
    },
)

STORE_TLS = merged(
    MINIMAL,
    {
        "secrets": {
            "storeTlsCa": {"name": "bridge-store-tls"},
            "storeTlsCert": {"name": "bridge-store-tls"},
            "storeTlsKey": {"name": "bridge-store-tls"},
        }
    },
)

MONITORED = merged(
    MINIMAL,
    {
        "monitoring": {
            "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "serviceMonitor": {"enabled": True, "interval": "15s"},
            "prometheusRule": {"enabled": True, "runbookUrl": "https://wiki.example.no/bridge"},
            "dashboard": {"enabled": True, "annotations": {"folder": "integration"}},
        }
    },
)

TOPOLOGY = merged(
    MINIMAL,
    {
        "settings": {
            "altinn": {"auth": {"client_id": "0b2f"}},
            "broker": {
                "exchange_nhn": "nhn/v1",
                "subscriptions": [
                    {"queue": "journal", "bindings": ["new-message.*", "apprec.#"]},
                    {"queue": "letters", "exchange": "altinn.notifications", "bindings": ["#"], "required": False},
                ],
            },
        },
        "secrets": {"altinnPrivateKey": {"name": "bridge-maskinporten"}},
        "topology": {"enabled": True, "clusterReference": {"name": "rabbit", "namespace": "mq"}, "user": "bridge"},
    },
)

EVERYTHING_ELSE = merged(
    MINIMAL,
    {
        "image": {
            "repository": "images.example.no/bridge",
            "tag": "1.2.3",
            "digest": f"sha256:{'0123456789abcdef' * 4}",
        },
        "imagePullSecrets": [{"name": "images"}],
        "fullnameOverride": "nhn-bridge",
        "replicas": 5,
        "settings": {"shutdown_deadline_s": 59.5, "ops": {"port": 9090}, "http": {"max_body_bytes": 67108864}},
        "terminationGracePeriodSeconds": 90,
        "topologySpreadConstraints": [],
        "networkPolicy": {
            "broker": {
                "to": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "rabbitmq"}}}],
                "ports": [5671],
            },
            "store": {"to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}]},
            "extraEgress": [{"to": [{"ipBlock": {"cidr": "10.9.9.9/32"}}], "ports": [{"port": 3128}]}],
        },
        "serviceAccount": {"create": False, "name": "bridge"},
        "podLabels": {"team": "integration"},
        "podAnnotations": {"example.no/owner": "integration"},
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://10.9.9.9:3128"}],
        "extraVolumes": [{"name": "authorities", "configMap": {"name": "authorities"}}],
        "extraVolumeMounts": [{"name": "authorities", "mountPath": "/etc/ssl/own", "readOnly": True}],
        "priorityClassName": "high",
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]
                }
            }
        },
    },
)

SWITCHED_OFF = merged(
    MINIMAL,
    {
        "herIds": {"files": {"default": None}, "existingConfigMap": "receivers"},
        "networkPolicy": {"enabled": False},
        "podDisruptionBudget": {"enabled": False},
    },
)

MATRIX: dict[str, Values] = {
    "minimal": MINIMAL,
    "sqlite": SQLITE,
    "tenants": TENANTS,
    "every-secret": EVERY_SECRET,
    "store-tls": STORE_TLS,
    "monitored": MONITORED,
    "topology": TOPOLOGY,
    "everything-else": EVERYTHING_ELSE,
    "switched-off": SWITCHED_OFF,
}
