"""Renders and signs: looks up template, tenant and keys, and lets streams/compose.py make the octets."""

import os
import time
from pathlib import Path

from agents.config_files import ConfigHolder
from agents.keys import load_signers
from agents.tables import TemplateTable
from schemas.headers import AttemptState
from streams.admit import Admitted
from streams.compose import MessageFacts, compose, render_request
from streams.config import SenderDomain
from streams.dkim import Signer
from streams.events import Facts
from streams.refusal import Refusal
from streams.smtp import Envelope


class Maker:
    """Belongs to the worker's loop. Keys are parsed once and read again only by a restart."""

    def __init__(self, holder: ConfigHolder, templates: TemplateTable, keys_dir: Path) -> None:
        self._holder = holder
        self._templates = templates
        self._keys_dir = keys_dir
        self._signers: dict[SenderDomain, tuple[Signer, ...]] = {}

    def load_keys(self) -> None:
        """Parse the keys of every sender domain. Raises KeyFileError: a worker that cannot sign must not start."""
        for tenant in self._holder.current.tenants.values():
            for domain in tenant.sender_domains.values():
                self._signers_of(domain)

    def make(self, admitted: Admitted, facts: Facts, state: AttemptState) -> tuple[Envelope, bytes] | Refusal:
        """Envelope and signed message of an admitted request."""
        request, tenant = admitted.request, admitted.tenant
        about = MessageFacts(facts.message_id, facts.lane, facts.recipient_hash, state.accepted_ms)
        rendered = render_request(request, tenant, about, self._templates.templates)
        if isinstance(rendered, Refusal):
            return rendered
        signers = self._signers_of(admitted.sender_domain)
        made = compose(request, rendered, tenant, about, os.urandom(12), signers, int(time.time()))
        if isinstance(made, Refusal):
            return made
        # the domain goes as A-labels whatever the request has (RFC 6531 section 3.7.1: then no SMTPUTF8 is needed)
        recipient = str(admitted.recipient)
        sender = return_path(facts.message_id, tenant.return_path_domain)
        return Envelope(sender, (recipient,), made.smtputf8), made.data

    def _signers_of(self, domain: SenderDomain) -> tuple[Signer, ...]:
        found = self._signers.get(domain)
        if found is None:
            selectors = (domain.selector, *([domain.ed25519_selector] if domain.ed25519_selector else []))
            found = self._signers[domain] = load_signers(self._keys_dir, domain.domain, selectors)
        return found


def return_path(message_id: str, domain: str) -> str:
    """Where bounces of the message go, tied to it by its id: 34 octets before the @ (RFC 5321: at most 64)."""
    return f"b-{message_id.replace('-', '')}@{domain}"
