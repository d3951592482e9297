"""What the rules on replies, the warm-up and the breaker ordered while the demo ran."""

from agents import orders
from agents.settings import Settings
from schemas.records import Control
from streams.control import scope_of, words


def ordered(settings: Settings) -> list[dict[str, str]]:
    """Every order on the control topic, the oldest first. Raises TableError."""
    found, _ = orders.current(settings)
    return [as_row(order) for order in sorted(found.values(), key=lambda o: o.created_at)]


def as_row(order: Control) -> dict[str, str]:
    """An order as the summary has it."""
    what = " ".join(part for part in (order.action or order.kind, order.value) if part)
    return {"order": what, "of": words(scope_of(order)), "rule": order.rule, "because": order.evidence or order.reason}
