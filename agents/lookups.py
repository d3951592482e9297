"""What a worker looks up about a request: configuration, suppression, operators' orders. All in memory."""

from agents.config_files import ConfigHolder
from agents.tables import ControlTable, SuppressionTable
from schemas import address, ids
from schemas.errors import AddressError
from schemas.headers import AttemptState
from schemas.request import EmailRequest
from streams import control
from streams.config import Config
from streams.events import Facts
from streams.intake import Looked


class Lookups:
    """Belongs to the worker's loop."""

    def __init__(
        self, holder: ConfigHolder, suppressions: SuppressionTable, orders: ControlTable, address_key: bytes
    ) -> None:
        self._holder = holder
        self._suppressions = suppressions
        self._orders = orders
        self._address_key = address_key

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
            send_at_ms=request.send_at or 0,
            list_id=request.list_id,
            tags=request.tags,
        )

    def look(self, request: EmailRequest, facts: Facts, now_ms: int) -> Looked:
        """Suppression and orders as they are now."""
        hashed, find = facts.recipient_hash, self._suppressions.find
        found = hashed and find(facts.tenant, facts.lane, hashed, now_ms, facts.list_id)
        who = control.Facts(facts.tenant, facts.campaign, facts.provider, "", facts.source, facts.lane)
        order = self._orders.find(who, now_ms)
        reason = f"{order.kind} by {order.author}: {order.reason}" if order else ""
        return Looked(
            suppressed=f"{found.reason} ({found.scope})" if found else "",
            cancelled=reason if order and order.kind == control.CANCEL else "",
            paused=reason if order and order.kind == control.PAUSE else "",
            paused_until_ms=(order.expires_at or 0) if order else 0,
        )
