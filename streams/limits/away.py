"""Whether the owner of a partition of limits is away: somebody waits for it, and it says nothing."""

from collections.abc import Mapping

AWAY_S = 10.0
"""More than an owner that lives is ever silent (streams/limits/owner.py, SNAPSHOT_S), and than the next one needs to
take over from one that died (agents/quota.py: session time-out, tail, streams/limits/lease_share.py GRACE_S)."""
FORGET_S = 60.0
"""A wait counts on when somebody waits again within this time: mail that waited in vain comes back."""


class Away:
    """By partition. Times are seconds of any one clock."""

    def __init__(self) -> None:
        self._waits: dict[int, tuple[float, float]] = {}

    def waits(self, patience: Mapping[int, float], now: float) -> set[int]:
        """Somebody waits for these partitions: how long an owner may say nothing. Returns those that are away now."""
        self._waits = {p: w for p, w in self._waits.items() if now - w[1] <= FORGET_S}
        for partition in patience:
            self._waits[partition] = (self._waits.get(partition, (now, now))[0], now)
        return {p for p, (since, _) in self._waits.items() if now - since > patience.get(p, AWAY_S)}

    def heard(self, partitions: set[int]) -> None:
        """Their owners live."""
        for partition in partitions:
            self._waits.pop(partition, None)

    def begin_anew(self) -> None:
        """Nothing is known: our own words may not have come through."""
        self._waits.clear()
