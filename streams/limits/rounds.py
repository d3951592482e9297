"""When a worker speaks to the owners of limits, and how long what it holds counts."""

from collections.abc import Mapping

from streams.limits.owner import DEAD_S

ROUND_S = 0.2
"""How often demand is sent."""
NEWS_S = 0.01
"""How soon after the last word another one may be said when somebody waits whom the owner does not expect."""
IDLE_ROUND_S = 15.0
"""How often limits that nobody uses are dropped."""
GIVE_UP_S = DEAD_S * 0.7
"""After so long without a confirmed word a worker gives up its tokens: well before an owner gives them to others."""


def valid_until(used: Mapping[int, float], confirmed: Mapping[int, float]) -> float:
    """Until when all tokens count: each partition's owner must have heard of this worker lately.

    `used`: since when it speaks to each partition; `confirmed`: when its last word that Kafka has was sent.
    """
    return min((max(confirmed.get(p, since), since) for p, since in used.items()), default=float("inf")) + GIVE_UP_S
