"""What the listener counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """Labels are our own words, never a peer's or an address."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = Counter(
            "streampost_smtp_in_connections", "Connections by what became of them.", ["result"], registry=registry
        )
        self.open = Gauge("streampost_smtp_in_open", "Connections that are open.", registry=registry)
        self.buffered = Gauge("streampost_smtp_in_buffered_bytes", "Octets of mail in memory.", registry=registry)
        self.mails = Counter(
            "streampost_smtp_in_mails", "Mails at their end, by what was answered.", ["result"], registry=registry
        )
        self.refused = Counter(
            "streampost_smtp_in_refused",
            "Commands refused, by reply code and enhanced code.",
            ["code"],
            registry=registry,
        )
        self.recipients = Counter(
            "streampost_smtp_in_recipients", "Recipients of mails in Kafka, by kind.", ["kind"], registry=registry
        )
        self.confirm = Histogram(
            "streampost_smtp_in_confirm_seconds", "From the end of a mail to Kafka's confirmation.", registry=registry
        )
        self.kafka = Gauge("streampost_smtp_in_kafka_up", "1 while Kafka answers.", registry=registry)
