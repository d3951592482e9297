"""A private Postfix from Debian as the receiver of our mail: loopback only, high ports, in a folder of its own."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.bench.injector import wait_for_port
from tests.support.inbound import self_signed

HOST = "peer.mta.example"
LIMIT = 300_000
"""Octets of a message, and of the mailbox `full`, which is one octet short of it."""

_MAIN = """compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
myhostname = {host}
mydestination =
local_recipient_maps =
alias_maps =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
disable_dns_lookups = yes
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
smtpd_relay_restrictions = reject_unauth_destination
smtpd_data_restrictions = reject_unauth_pipelining
smtpd_tls_security_level = none
smtp_tls_security_level = none
smtpd_tls_cert_file = {folder}/cert.pem
smtpd_tls_key_file = {folder}/key.pem
message_size_limit = {limit}
virtual_mailbox_limit = {limit}
virtual_mailbox_domains = harbour.test
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = inline:{{ {{ann@harbour.test=ann/}}, {{full@harbour.test=full}} }}
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
relay_domains = backend.test
relay_transport = error:nowhere
default_transport = error:nowhere
transport_maps = {routes}
milter_default_action = tempfail
"""

_MASTER = """127.0.0.1:{plain} inet n - n - - smtpd
  -o smtpd_discard_ehlo_keywords=pipelining
127.0.0.1:{pipelined} inet n - n - - smtpd
127.0.0.1:{starttls} inet n - n - - smtpd
  -o smtpd_tls_security_level=may
127.0.0.1:{dkim} inet n - n - - smtpd
  -o smtpd_milters=unix:{folder}/milter
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

_OPENDKIM = """Mode v
AuthservID {host}
Socket local:{folder}/milter
TestDNSData file:{folder}/dns
UMask 000
Syslog no
Background no
"""

SERVICES = ("plain", "pipelined", "starttls", "dkim")


class Postfix(NamedTuple):
    """A running Postfix. `ports` by service: plain (no PIPELINING), pipelined, starttls, dkim."""

    folder: Path
    ports: Mapping[str, int]

    def mails(self) -> list[bytes]:
        """What lies in the mailbox of ann@harbour.test."""
        return [path.read_bytes() for path in (self.folder / "mail" / "ann" / "new").glob("*")]

    def log(self) -> str:
        """What it has logged."""
        path = self.folder / "mail.log"
        return path.read_text() if path.exists() else ""


def missing(*programs: str) -> str:
    """Why it cannot run here; empty when it can. Installs nothing."""
    if os.geteuid() != 0:
        return "Postfix needs root"
    return ", ".join(f"{name} is not installed" for name in programs if not shutil.which(name))


@contextmanager
def running_postfix(routes: Mapping[str, int], dns: Mapping[str, str] | None = None) -> Iterator[Postfix]:
    """It takes ann@ and full@harbour.test and all of backend.test; `routes`: domain -> port where it sends that on.

    dns: names and TXT records for OpenDKIM, which runs only when there are some.
    """
    with ExitStack() as stack:
        # not pytest's folder: that one is closed to the users that the daemons become
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="streampost-postfix-")))
        ports = dict(zip(SERVICES, _free_ports(len(SERVICES)), strict=True))
        _write(folder, ports, routes)
        if dns:
            stack.enter_context(_opendkim(folder, dns))
        stack.enter_context(_master(folder / "etc"))
        for port in ports.values():
            wait_for_port(port)
        yield Postfix(folder, ports)


def _write(folder: Path, ports: Mapping[str, int], routes: Mapping[str, int]) -> None:
    for path in (folder, *(folder / name for name in ("queue", "data", "etc", "mail"))):
        path.mkdir(exist_ok=True)
        path.chmod(0o755)
    shutil.chown(folder / "data", "postfix")
    full = folder / "mail" / "full"
    full.write_bytes(b"x" * (LIMIT - 1))
    for path in (full, full.parent):
        os.chown(path, 65534, 65534)
    self_signed(folder)
    pairs = ", ".join(f"{{{domain}=smtp:[127.0.0.1]:{port}}}" for domain, port in routes.items())
    table = f"inline:{{ {pairs} }}" if pairs else ""  # an empty inline table is an error
    main = _MAIN.format(folder=folder, host=HOST, limit=LIMIT, routes=table)
    (folder / "etc" / "main.cf").write_text(main)
    (folder / "etc" / "master.cf").write_text(_MASTER.format(folder=folder, **ports))


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


@contextmanager
def _master(config: Path) -> Iterator[None]:
    _run("postfix", "-c", str(config), "start")
    try:
        yield
    finally:
        _run("postfix", "-c", str(config), "stop")


@contextmanager
def _opendkim(folder: Path, dns: Mapping[str, str]) -> Iterator[None]:
    (folder / "dns").write_text("".join(f"{name} {text}\n" for name, text in dns.items()))
    config = folder / "opendkim.conf"
    config.write_text(_OPENDKIM.format(folder=folder, host=HOST))
    with (folder / "opendkim.log").open("wb") as log:
        process = subprocess.Popen(["opendkim", "-f", "-x", str(config)], stdout=log, stderr=log)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
