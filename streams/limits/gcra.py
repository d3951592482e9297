"""Even spending inside a worker: the generic cell rate algorithm (ITU-T I.371), in seconds of a steady clock."""

TOLERANCE_S = 0.01
"""How late a start may be and still count from its due time: a timer's lateness then costs no throughput."""


class Gcra:
    """Starts are `interval` seconds apart; one that comes after a pause starts at once. `due` is the next start."""

    __slots__ = ("due", "interval")

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.due = float("-inf")

    def ready(self, now: float) -> bool:
        """May one start now?"""
        return self.due <= now

    def start(self, now: float) -> None:
        """One starts now; call it only when ready. What was missed in a pause is not made up for."""
        earliest = now - TOLERANCE_S
        self.due = (self.due if self.due > earliest else earliest) + self.interval  # noqa: FURB136 - max() is slow here

    def pace(self, interval: float) -> None:
        """From now on that far apart. A start already put off to more than that is brought forward."""
        if interval < self.interval:
            self.due -= self.interval - interval
        self.interval = interval
