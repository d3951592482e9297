"""The fields of foreign kinds that the chart uses, as KEDA 2.15 and prometheus-operator 0.75 have them.

The whole CRDs are not on PyPI; these are closed, so that a misspelt field is found.
"""

from typing import Any


def _closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


TEXT, WHOLE = {"type": "string"}, {"type": "integer", "minimum": 0}
ANY = {"type": "object"}
KAFKA_TRIGGER = _closed(
    ["bootstrapServers", "consumerGroup", "topic", "lagThreshold", "offsetResetPolicy"],
    bootstrapServers=TEXT,
    consumerGroup=TEXT,
    topic=TEXT,
    lagThreshold=TEXT,
    offsetResetPolicy={"enum": ["earliest", "latest"]},
    excludePersistentLag=TEXT,
    limitToPartitionsWithLag=TEXT,
)
SCALED_OBJECT = _closed(
    ["apiVersion", "kind", "metadata", "spec"],
    apiVersion={"const": "keda.sh/v1alpha1"},
    kind=TEXT,
    metadata=ANY,
    spec=_closed(
        ["scaleTargetRef", "triggers"],
        scaleTargetRef=_closed(["name"], name=TEXT),
        minReplicaCount=WHOLE,
        maxReplicaCount=WHOLE,
        pollingInterval=WHOLE,
        cooldownPeriod=WHOLE,
        advanced=_closed(
            [],
            horizontalPodAutoscalerConfig=_closed(
                [], behavior=_closed([], scaleDown=_closed([], stabilizationWindowSeconds={**WHOLE, "maximum": 3600}))
            ),
        ),
        triggers={
            "type": "array",
            "minItems": 1,
            "items": _closed(
                ["type", "metadata"],
                type={"const": "kafka"},
                metadata=KAFKA_TRIGGER,
                authenticationRef=_closed(["name"], name=TEXT),
            ),
        },
    ),
)
POD_MONITOR = _closed(
    ["apiVersion", "kind", "metadata", "spec"],
    apiVersion={"const": "monitoring.coreos.com/v1"},
    kind=TEXT,
    metadata=ANY,
    spec=_closed(
        ["selector", "podMetricsEndpoints"],
        selector=_closed([], matchLabels=ANY),
        podTargetLabels={"type": "array", "items": TEXT},
        podMetricsEndpoints={"type": "array", "items": _closed([], port=TEXT, path=TEXT, interval=TEXT)},
    ),
)
SCHEMAS = {"ScaledObject": SCALED_OBJECT, "PodMonitor": POD_MONITOR}
