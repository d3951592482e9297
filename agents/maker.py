"""Renders and signs: looks up template, tenant and keys, and lets streams/compose.py make the octets."""

import os
from pathlib import Path

from agents import clock
from agents.config_files import ConfigHolder
from agents.keys import load_signers
from agents.tables import TemplateTable
from schemas.headers import AttemptState
from streams import tokens
from streams.admit import Admitted
from streams.compose import MessageFacts, compose, render_request
from streams.config import SenderDomain
from streams.dkim import Signer
from streams.events import Facts
from streams.mail_links import mail_links
from streams.refusal import Refusal
from streams.smtp import Envelope
from streams.token_keys import TokenKeys
from streams.tracking import asked_of, tracked


class Maker:
    """Belongs to the worker's loop. Keys are parsed once and read again only by a restart."""

    def __init__(self, holder: ConfigHolder, templates: TemplateTable, keys_dir: Path, token_keys: TokenKeys) -> None:
        self._holder = holder
        self._templates = templates
        self._keys_dir = keys_dir
        self._token_keys = token_keys
        self._signers: dict[SenderDomain, tuple[Signer, ...]] = {}

    def load_keys(self) -> None:
        """Parse the keys of every sender domain. Raises KeyFileError: a worker that cannot sign must not start."""
        for tenant in self._holder.current.tenants.values():
            for domain in tenant.sender_domains.values():
                self._signers_of(domain)

    def make(self, admitted: Admitted, facts: Facts, state: AttemptState) -> tuple[Envelope, bytes] | Refusal:
        """Envelope and signed message of an admitted request."""
        request, tenant = admitted.request, admitted.tenant
        now_ms = clock.now_ms()
        token = tokens.sign(trace(facts, state, now_ms), self._token_keys)
        links = mail_links(tenant, facts, state.accepted_partition, state.accepted_ms, now_ms, self._token_keys)
        about = MessageFacts(
            facts.message_id,
            facts.lane,
            facts.recipient_hash,
            state.accepted_ms,
            token,
            links.unsubscribe if links else "",
        )
        rendered = render_request(request, tenant, about, self._templates.templates)
        if isinstance(rendered, Refusal):
            return rendered
        if links and (asked := asked_of(request, tenant, about, links)):
            rendered = tracked(rendered, asked)
        signers = self._signers_of(admitted.sender_domain)
        made = compose(request, rendered, tenant, about, os.urandom(12), signers, now_ms // 1000)
        if isinstance(made, Refusal):
            return made
        # the domain goes as A-labels whatever the request has (RFC 6531 section 3.7.1: then no SMTPUTF8 is needed)
        recipient = str(admitted.recipient)
        sender = tokens.return_path(token, tenant.return_path_domain, self._style_of(facts.source))
        return Envelope(sender, (recipient,), made.smtputf8), made.data

    def _style_of(self, source: str) -> str:
        found = self._holder.current.sources.get(source)
        return found.relay.return_path if found and found.relay else tokens.DASH

    def _signers_of(self, domain: SenderDomain) -> tuple[Signer, ...]:
        found = self._signers.get(domain)
        if found is None:
            selectors = (domain.selector, *([domain.ed25519_selector] if domain.ed25519_selector else []))
            found = self._signers[domain] = load_signers(self._keys_dir, domain.domain, selectors)
        return found


def trace(facts: Facts, state: AttemptState, now_ms: int) -> tokens.Trace:
    """What the message's token says: the record that the producer wrote, also when this is a later attempt."""
    expiry = tokens.expiry_day(state.accepted_ms, now_ms)
    place = (state.accepted_partition, state.accepted_offset, state.accepted_part)
    return tokens.Trace(facts.message_id, facts.lane, *place, expiry)
