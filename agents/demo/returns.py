"""The receiver's side of the demo: it bounces late, complains, unsubscribes, opens and clicks part of what it took.

Everything goes to loopback ports of `streampost inbound` and `streampost web`, whatever host a link names.
"""

import hashlib
import http.client
import json
import smtplib
import threading
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from agents.demo.reports import Links, bounce, complaint, links_of
from agents.receiver.journal import share_of

HOST = "127.0.0.1"
KEPT_SHARE = 0.2
"""Share of the mail that the receiver keeps whole; the deeds are done to these."""
FEEDBACK_ADDRESS = "fbl@feedback.example"  # config/demo/inbound.toml
BOUNCED, COMPLAINED, UNSUBSCRIBED, OPENED, CLICKED = "bounced_late", "complained", "unsubscribed", "opened", "clicked"
DEEDS = ((50, BOUNCED), (80, UNSUBSCRIBED), (150, CLICKED), (250, OPENED))
"""Thousandths of the kept mail; all the rest is taken and nothing comes back."""
COMPLAINT_AT, COMPLAINT_EVERY = 5, 200
"""Of each tenant's kept mail the 5th, the 205th … is complained about: one mail in a thousand, evenly, so that the
shipped breaker (streams/breaker.py: stop at 0.3 %) warns and does not stop, whatever the seed."""
PAUSE_S = 0.2
TIMEOUT_S = 30.0
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_ONE_CLICK = b"List-Unsubscribe=One-Click"  # RFC 8058 section 3.1


class Ports(NamedTuple):
    """Where the demo's own servers listen, on 127.0.0.1."""

    inbound: int
    web: int


def deed(name: str, place: int) -> str:
    """What is done to the mail with this id, the `place`-th of its tenant from 1; empty: nothing."""
    if place % COMPLAINT_EVERY == COMPLAINT_AT:
        return COMPLAINED
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[4:8], "big") % 1000
    for share, what in DEEDS:
        number -= share
        if number < 0:
            return what
    return ""


class Returns:
    """A thread that follows the receiver's record. `done` counts what was accepted by streampost, by event type."""

    def __init__(self, record: Path, mails: Path, ports: Ports) -> None:
        self._record = record
        self._mails = mails
        self._ports = ports
        self._offset = 0
        self._seen: set[str] = set()
        self._kept: Counter[str] = Counter()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="returns", daemon=True)
        self.done: Counter[str] = Counter()
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def finish(self) -> Counter[str]:
        """Deal with all that is in the record now, then stop. Raises what went wrong."""
        self._ended.set()
        self._thread.join()
        if self.failure:
            raise self.failure
        return self.done

    def _run(self) -> None:
        try:
            while not self._ended.wait(PAUSE_S):
                self._step()
            self._step()
        except BaseException as e:  # noqa: BLE001 - finish() raises it
            self.failure = e

    def _step(self) -> None:
        with self._record.open("rb") as file:
            file.seek(self._offset)
            lines = file.read().splitlines(keepends=True)
        for line in lines:
            if not line.endswith(b"\n"):
                break
            self._offset += len(line)
            self._consider(json.loads(line))

    def _consider(self, taken: dict[str, Any]) -> None:
        name = taken["id"]
        if "file" not in taken or name in self._seen or share_of(name) >= KEPT_SHARE:
            return
        self._seen.add(name)
        tenant = taken["mail_from"].rpartition("@")[2]
        self._kept[tenant] += 1
        what = deed(name, self._kept[tenant])
        if not what:
            return
        mail = (self._mails / taken["file"]).read_bytes()
        if what == BOUNCED:
            self._mail(taken["mail_from"], bounce(mail, taken["mail_from"], taken["rcpt"], f"b-{name}"))
            self.done[what] += 1
        elif what == COMPLAINED:
            self._mail(FEEDBACK_ADDRESS, complaint(mail, FEEDBACK_ADDRESS, taken["rcpt"], f"b-{name}"))
            self.done[what] += 1
        else:
            self._follow(what, links_of(mail))

    def _mail(self, recipient: str, raw: bytes) -> None:
        with smtplib.SMTP(HOST, self._ports.inbound, "mx.receiver.example", TIMEOUT_S) as smtp:
            smtp.sendmail("", [recipient], raw)

    def _follow(self, what: str, links: Links) -> None:
        if what == UNSUBSCRIBED:
            wanted = [(UNSUBSCRIBED, "POST", links.unsubscribe, 200)]
        else:  # who clicks has seen the pixel before
            wanted = [(OPENED, "GET", links.pixel, 200)]
            if what == CLICKED:
                wanted.append((CLICKED, "GET", links.link, 302))
        for event_type, method, path, status in wanted:
            if path:
                self._ask(method, path, status)
                self.done[event_type] += 1

    def _ask(self, method: str, path: str, status: int) -> None:
        """Redirects are not followed: they lead out of this machine."""
        connection = http.client.HTTPConnection(HOST, self._ports.web, timeout=TIMEOUT_S)
        try:
            body = _ONE_CLICK if method == "POST" else None
            headers = {"User-Agent": _BROWSER}
            if body:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        if answer.status != status:
            raise RuntimeError(f"{method} {path[:40]}… was answered with {answer.status}, not {status}")
