"""What a worker looks up about a request: configuration, suppression, operators' orders. All in memory."""

from agents.config_files import ConfigHolder
from agents.shaping import Shaping
from agents.tables import ControlTable, SuppressionTable
from schemas import address, ids
from schemas.errors import AddressError
from schemas.headers import AttemptState
from schemas.records import ANY, Control
from schemas.request import EmailRequest
from streams import control
from streams.config import Config
from streams.events import Facts, scope
from streams.intake import Looked, ordered
from streams.send_windows import Window, effective, next_open_ms


class Lookups:
    """Belongs to the worker's loop."""

    def __init__(
        self, holder: ConfigHolder, suppressions: SuppressionTable, orders: ControlTable, address_key: bytes
    ) -> None:
        self._holder = holder
        self._suppressions = suppressions
        self._orders = orders
        self._address_key = address_key
        self.shaping = Shaping(holder, orders)

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self._holder.current

    @property
    def version(self) -> int:
        """Goes up with every change of suppressions and orders."""
        return self._suppressions.version + self._orders.version

    def facts(self, request: EmailRequest, lane: str, state: AttemptState) -> Facts:
        """What the event needs; the address fields stay empty when the address is not valid."""
        try:
            recipient = address.parse(request.recipient)
            domain, hashed = recipient.domain, ids.address_hash(self._address_key, recipient.normalised)
        except AddressError:
            domain = hashed = ""
        version = request.template_version
        return Facts(
            message_id=ids.message_uuid(request.tenant, request.id),
            lane=lane,
            tenant=request.tenant,
            campaign=request.campaign,
            recipient_hash=hashed,
            domain=domain,
            template=f"{request.template_id}@{version or 'newest'}" if request.template_id else "",
            sending_domain=request.sender.address.rpartition("@")[2].lower(),
            attempt=state.attempt,
            turn=state.turn,
            accepted_ms=state.accepted_ms,
            send_at_ms=self._starts_ms(request, lane, state.accepted_ms),
            list_id=request.list_id,
            tags=request.tags,
        )

    @property
    def path_orders(self) -> bool:
        """Whether a pause or cancel names a provider, site or source: it can be obeyed only once the path is known."""
        return self._orders.set.by_path > 0

    def source_paused(self, facts: Facts, now_ms: int) -> bool:
        """An order holds mail from this very source: another one of the pool may take it."""
        order = self._orders.set.find(scope(facts), now_ms, (control.PAUSE,))
        return order is not None and order.source != ANY

    def look(self, request: EmailRequest, facts: Facts, now_ms: int) -> Looked:
        """Suppression, orders and send window as they are now."""
        hashed, find = facts.recipient_hash, self._suppressions.find
        found = hashed and find(facts.tenant, facts.lane, hashed, now_ms, facts.list_id)
        # an override stops what goes a certain way: it is known only with the path
        stop = self.shaping.standing(facts, now_ms).stop if facts.source else None
        window = self._window(request, facts.lane)
        return ordered(self._orders.find(scope(facts), now_ms), stop)._replace(
            suppressed=f"{found.reason} ({found.scope})" if found else "",
            opens_ms=next_open_ms(window, max(now_ms, request.send_at or 0)) if window else 0,
        )

    def warm(self, source: str, provider: str) -> bool:
        """No warm-up cap holds the source back there."""
        return self._orders.caps.find(source, provider) is None

    def suspended(self, facts: Facts, now_ms: int) -> dict[str, Control]:
        """Sources that are suspended for this message at its provider or site."""
        return self._orders.set.suspended(scope(facts), now_ms)

    def _window(self, request: EmailRequest, lane: str) -> Window | None:
        return effective(request, lane, self.config.tenants.get(request.tenant))

    def _starts_ms(self, request: EmailRequest, lane: str, accepted_ms: int) -> int:
        """When it could be sent at the earliest by its own wish, 0 for at once: delivery time and expiry count from
        there."""
        window, send_at_ms = self._window(request, lane), request.send_at or 0
        return next_open_ms(window, max(accepted_ms, send_at_ms)) if window else send_at_ms
