"""What a worker makes of warm-up's orders: the cap of a source at a provider, found by two look-ups."""

from schemas.records import ANY, Control
from streams.control import WARMUP
from streams.limits.rate import Limit, parse
from streams.warmup.orders import WARM

CAP = "warmup/"
"""How the key of a cap begins."""


class Caps:
    """The caps in force by source and provider. Mutable, for one thread; fed with every change of the control topic."""

    def __init__(self) -> None:
        self._orders: dict[tuple[str, str], Control] = {}
        self._places: dict[bytes, tuple[str, str]] = {}

    def __len__(self) -> int:
        return len(self._orders)

    def put(self, record_key: bytes, order: Control) -> None:
        """An order of any kind; what is no cap is passed over."""
        self.remove(record_key)
        if order.kind == WARMUP and not order.action:
            place = (order.source, order.provider)
            self._orders[place] = order
            self._places[record_key] = place

    def remove(self, record_key: bytes) -> None:
        """The order with this key is lifted."""
        place = self._places.pop(record_key, None)
        if place is not None:
            self._orders.pop(place, None)

    def find(self, source: str, provider: str) -> Control | None:
        """The order that caps the source there: its own at the provider, else the one for any. None: it is warm."""
        found = self._orders.get((source, provider)) or self._orders.get((source, ANY))
        return None if found is None or found.value == WARM else found


def cap_of(caps: Caps, source: str, provider: str) -> Limit | None:
    """The limit that the messages of this source to this provider count against, spread evenly over the day.

    Each provider has a bucket of its own, also under an order for any. None: no cap. Raises ValueError for an order
    whose value is no rate: nothing that streampost writes.
    """
    order = caps.find(source, provider)
    return None if order is None else Limit(f"{CAP}{source}/{provider}", parse(order.value))


def gives_way(key: str) -> bool:
    """Whether a message above this limit takes another source rather than wait: a cap is the source's own."""
    return key.startswith(CAP)
