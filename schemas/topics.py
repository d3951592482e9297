"""The topics, as one table: names, partitions, retention and compaction. `streampost topics` creates from it."""

from typing import NamedTuple

HOUR = 3_600_000
DAY = 24 * HOUR

LANES = ("transactional", "bulk")


class Tier(NamedTuple):
    """A delay topic's name and its one fixed delay, in seconds. `fine`: only for what has a slot of a limit, which is
    late by a fraction of a second; a retry is not worth the hops."""

    name: str
    seconds: float
    fine: bool = False


TIERS = (
    *(Tier("500ms", 0.5, True), Tier("2s", 2, True), Tier("5s", 5), Tier("30s", 30)),
    *(Tier("2m", 120), Tier("10m", 600), Tier("1h", 3600), Tier("6h", 21600)),
)


class TopicSpec(NamedTuple):
    """What a topic must look like. `width` says which partition count applies: requests, delay or small."""

    name: str
    width: str
    retention_ms: int | None
    compacted: bool
    value: str
    key: str


def table(prefix: str = "email") -> tuple[TopicSpec, ...]:
    """Every topic that streampost uses, in the order in which a request meets them."""

    def topic(
        name: str, width: str, retention_ms: int | None, value: str, key: str, compacted: bool = False
    ) -> TopicSpec:
        return TopicSpec(f"{prefix}.{name}", width, retention_ms, compacted, value, key)

    return (
        *(topic(f"requests.{lane}", "requests", 7 * DAY, "EmailRequest", "recipient domain") for lane in LANES),
        *(topic(f"delay.{tier.name}", "delay", 7 * DAY, "EmailRequest", "as the request") for tier in TIERS),
        # kept longer than the oldest open request, and never compacted: the tail is the record of what is finished
        topic("events", "requests", 14 * DAY, "DeliveryEvent", "message id"),
        topic("inbound", "small", 14 * DAY, "raw mail", "random"),
        topic("suppressions", "small", None, "Suppression", "tenant/lane/address hash", compacted=True),
        topic("strikes", "small", None, "Strikes", "tenant/address hash", compacted=True),
        topic("templates", "small", None, "Template", "id@version", compacted=True),
        topic("control", "small", None, "Control", "kind and scope", compacted=True),
        # the control topic keeps the last order of a scope; here is every one, with its action and why
        topic("decisions", "small", 400 * DAY, "Control", "as on the control topic"),
        topic("state", "small", None, "JobState", "job", compacted=True),
        topic("quota.demand", "small", HOUR, "QuotaDemand", "none: partition of the limit key"),
        topic("quota.grants", "small", HOUR, "QuotaGrant", "none: partition of the limit key"),
        topic("dead", "small", 30 * DAY, "DeadLetter", "origin topic"),
    )


def requests(prefix: str, lane: str) -> str:
    """Topic of the lane's requests."""
    return f"{prefix}.requests.{lane}"


def inbound(prefix: str) -> str:
    """Topic of the mail that comes back."""
    return f"{prefix}.inbound"


def lane_of(topic: str) -> str:
    """email.requests.bulk -> bulk."""
    return topic.rpartition(".")[2]


def delay(prefix: str, tier: Tier) -> str:
    """Topic of the tier."""
    return f"{prefix}.delay.{tier.name}"
