"""The last ids that were seen, so that a rare event that is written twice counts once."""

from collections.abc import Iterable


class Recent:
    """At most `size` ids, the newest. Mutable, for one thread."""

    def __init__(self, ids: Iterable[str] = (), size: int = 2000) -> None:
        self._ids = dict.fromkeys(ids)
        self._size = size

    def first(self, item: str) -> bool:
        """Whether it is new; from now on it is not."""
        if item in self._ids:
            return False
        self._ids[item] = None
        if len(self._ids) > self._size:
            del self._ids[next(iter(self._ids))]
        return True

    def all(self) -> list[str]:
        """Oldest first."""
        return list(self._ids)
