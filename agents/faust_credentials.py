"""How Faust logs in to Kafka, from the same settings as every other client."""

import ssl
from typing import Any

import faust

from agents.settings import Settings


def credentials(settings: Settings) -> dict[str, Any]:
    """librdkafka's security options in Faust's words: SASL with or without TLS, TLS alone, or none."""
    options = settings.librdkafka()
    protocol = options.get("security.protocol", "PLAINTEXT").upper()
    if protocol == "PLAINTEXT":
        return {}
    context = ssl.create_default_context(cafile=options.get("ssl.ca.location")) if protocol.endswith("SSL") else None
    if not protocol.startswith("SASL"):
        return {"broker_credentials": faust.SSLCredentials(context)}
    login = faust.SASLCredentials(
        username=options.get("sasl.username"),
        password=options.get("sasl.password"),
        mechanism=options.get("sasl.mechanism", options.get("sasl.mechanisms", "PLAIN")),
        ssl_context=context,
    )
    return {"broker_credentials": login}
