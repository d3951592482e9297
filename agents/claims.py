"""From a proved token to the message that it is about: the request is read from Kafka, and must be the token's."""

from collections.abc import Iterable
from typing import NamedTuple

from agents.request_reader import Place, RequestReader, Stored
from agents.settings import Settings
from schemas import address, ids, incoming, topics
from schemas.errors import AddressError, DecodeError
from schemas.request import EmailRequest
from streams.config import Config
from streams.events import Facts
from streams.feedback import Claim
from streams.proofs import Proof
from streams.tokens import Trace
from streams.web_tokens import WebTrace

GONE = "request_gone"
"""The token is good, but its request has left Kafka (retention), and the mail has no link of ours that says all."""
OTHER = "other_request"
"""The record at the token's place is another message: topics were made anew."""


class Resolved(NamedTuple):
    """The claim and the partition of its request (-1: unknown); or claim None and why."""

    claim: Claim | None
    partition: int = -1
    fault: str = ""


class Claims:
    """Belongs to one thread."""

    def __init__(self, settings: Settings, reader: RequestReader, config: Config) -> None:
        self._prefix = settings.topic_prefix
        self._schema_ids = settings.schema_ids
        self._key = settings.address_key
        self._reader = reader
        self._providers = config.providers
        self._tenants = config.tenants

    def resolve(self, proofs: Iterable[Proof]) -> list[Resolved]:
        """One answer for each proof. Raises KafkaException or TimeoutError when Kafka does not answer."""
        asked = list(proofs)
        places = [self._place(p.trace) if p.trace else None for p in asked]
        stored = self._reader.read({p for p in places if p})
        found = []
        for proof, place in zip(asked, places, strict=True):
            fault = proof.fault
            if proof.trace:
                claim = self._of_request(proof.trace, stored.get(place) if place else None)
                if isinstance(claim, Claim):
                    found.append(Resolved(_with_path(claim, proof.web), proof.trace.partition))
                    continue
                fault = claim
            found.append(self._of_link(proof.web) if proof.web else Resolved(None, fault=fault))
        return found

    def _place(self, trace: Trace) -> Place | None:
        known = trace.partition >= 0 and trace.offset >= 0
        return Place(topics.requests(self._prefix, trace.lane), trace.partition, trace.offset) if known else None

    def _of_request(self, trace: Trace, stored: Stored | None) -> Claim | str:
        if stored is None:
            return GONE
        try:
            requests = incoming.read(stored.value, self._schema_ids).requests
            request = requests[trace.part]
            recipient = address.parse(request.recipient)
        except (DecodeError, AddressError, IndexError):
            return OTHER
        if ids.message_uuid(request.tenant, request.id) != trace.message_id:
            return OTHER
        facts = self._facts(request, recipient, trace.lane, stored.written_ms)
        return Claim(facts, recipient.normalised, self._leaves_all(request.tenant))

    def _leaves_all(self, tenant: str) -> bool:
        known = self._tenants.get(tenant)
        return known is not None and known.one_click == "all"

    def _facts(self, request: EmailRequest, recipient: address.Address, lane: str, accepted_ms: int) -> Facts:
        version = request.template_version
        return Facts(
            message_id=ids.message_uuid(request.tenant, request.id),
            lane=lane,
            tenant=request.tenant,
            campaign=request.campaign,
            recipient_hash=ids.address_hash(self._key, recipient.normalised),
            domain=recipient.domain,
            provider=self._providers.get(recipient.domain, ""),
            template=f"{request.template_id}@{version or 'newest'}" if request.template_id else "",
            sending_domain=request.sender.address.rpartition("@")[2].lower(),
            accepted_ms=accepted_ms,
            send_at_ms=request.send_at or 0,
            list_id=request.list_id,
            tags=request.tags,
        )

    def _of_link(self, web: WebTrace) -> Resolved:
        facts = Facts(
            message_id=web.message_id,
            lane=web.lane,
            tenant=web.tenant,
            campaign=web.campaign,
            recipient_hash=web.recipient_hash,
            domain=web.domain,
            provider=web.provider or self._providers.get(web.domain, ""),
            template=web.template,
            sending_domain=web.sending_domain,
            source=web.source,
            pool=web.pool,
            accepted_ms=web.issued_s * 1000,
            list_id=web.list_id,
        )
        return Resolved(Claim(facts, leaves_all=self._leaves_all(web.tenant)), web.partition)


def _with_path(claim: Claim, web: WebTrace | None) -> Claim:
    """A link of the same message knows what its request does not: the way that it went."""
    if web is None or web.message_id != claim.facts.message_id:
        return claim
    known = {name: value for name in ("provider", "source", "pool") if (value := getattr(web, name))}
    return claim._replace(facts=claim.facts._replace(**known))
