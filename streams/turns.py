"""Whose turn it is: items of many keys, first in, first out for each key, one of each in turn.

A key with a long queue costs the others one item in each round, not the whole queue. Here the keys are partitions:
fifty thousand mails to one dead domain are in one of them.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


class Turns(Generic[Key, Item]):
    """Mutable. Only keys that have items are in it."""

    def __init__(self) -> None:
        self._queues: OrderedDict[Key, deque[Item]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._queues)

    def put(self, key: Key, items: Iterable[Item]) -> None:
        """Behind what the key has already; a new key comes behind the others."""
        if found := deque(items):
            self._queues.setdefault(key, deque()).extend(found)

    def take(self, ready: Callable[[Key], bool]) -> Item | None:
        """The next item of the next key that is ready; None when there is none. Others keep their turn."""
        for key, queue in self._queues.items():
            if ready(key):
                item = queue.popleft()
                if queue:
                    self._queues.move_to_end(key)
                else:
                    del self._queues[key]
                return item
        return None
