"""Postfix + OpenDKIM measured: from the first injection to the last 250 at the receiver.

CPU: the master with its living children and all that it has waited for, OpenDKIM with its threads, and the injector,
as our producer is counted. The mails are ours before signing: the peer neither renders nor builds them.
"""

import socket
import tempfile
from pathlib import Path
from typing import Any

from agents.config_files import load
from agents.keys import key_path
from streams.compose import Composed, MessageFacts, compose, render_request
from streams.render import Rendered
from streams.templates import TemplateTable
from tests.bench import injector, mails, postfix, proc
from tests.bench.lab import Lab, wait
from tests.bench.ours import PATIENCE_S

DOMAIN, SELECTOR = "letter.example", "s2026"
CONNECTIONS = 20


def mail(lab: Lab, kilobytes: int) -> bytes:
    """The message that our worker makes, unsigned and dot-stuffed, with the injector's places in it."""
    tenant = load(lab.folder / "config").tenants["newsletter"]
    table = TemplateTable()
    table.put(mails.template(kilobytes))
    request = mails.request(0, kilobytes)._replace(recipient=injector.RECIPIENT.decode())
    facts = MessageFacts(f"00000000-0000-4000-8000-{injector.NUMBER.decode()}", "bulk", "0" * 32, request.created_at)
    rendered = render_request(request, tenant, facts, table)
    assert isinstance(rendered, Rendered)
    made = compose(request, rendered, tenant, facts, b"boundary", (), 0)
    assert isinstance(made, Composed)
    return made.data.replace(b"\r\n.", b"\r\n..")


def relay(lab: Lab, milter: str, kilobytes: int, count: int) -> dict[str, Any]:
    """One run of `count` mails; `milter` is unix or tcp."""
    lab.receiver.reset()
    key = key_path(lab.folder / "config" / "keys", DOMAIN, SELECTOR)
    with (
        tempfile.TemporaryDirectory(prefix="peer-") as folder,
        postfix.running_peer(
            Path(folder), lab.receiver.smtp, key, DOMAIN, milter, (_free_port(), _free_port())
        ) as peer,
    ):
        before = peer.cpu_seconds()
        job = injector.Job(peer.port, mail(lab, kilobytes), count, CONNECTIONS)
        with proc.in_child(injector.inject, job) as injecting:
            wait(lambda: int(lab.receiver.stats()["accepted"]) >= count or _failed(injecting), PATIENCE_S, "the mails")
            injected = injecting.result()
        spent = peer.cpu_seconds() - before
        seen, taken = lab.checked(count), lab.receiver.accepted()
    seconds = max(a["time"] for a in taken) / 1000 - injected.began
    parts = {"postfix and opendkim": spent, "injector": injected.cpu_s}
    return {
        "messages": count,
        "milter": milter,
        "message_bytes": round(sum(a["size"] for a in taken) / count),
        "msgs_per_s": count / seconds,
        "msgs_per_cpu_s": count / sum(parts.values()),
        "cpu_ms_per_message": {name: cpu / count * 1000 for name, cpu in parts.items()},
        **seen,
    }


def _failed(injecting: Any) -> bool:
    return injecting.done() and injecting.exception() is not None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
