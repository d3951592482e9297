"""Where the demo's time goes: phases by the clock, and CPU seconds of each process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Phases:
    """Seconds of each phase, in the order in which they began; a phase that comes again is added to."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """What runs inside belongs to this phase."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.add(name, time.monotonic() - started)

    def add(self, name: str, seconds: float) -> None:
        """So many more of this phase."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def rounded(self) -> dict[str, float]:
        """For people, in tenths of a second."""
        return {name: round(seconds, 1) for name, seconds in self.seconds.items()}
