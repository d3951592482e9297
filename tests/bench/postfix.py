"""The peer: Postfix and OpenDKIM from Debian, an instance of our own in a temporary folder, loopback only.

Everything goes to the receiver by a fixed next hop without DNS, so nothing can leave this machine.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.bench import proc
from tests.bench.injector import wait_for_port
from tests.support.postfix_services import MAIN, SERVICES, started, write_config

PACKAGES = ("postfix", "opendkim")
CONCURRENCY = 200

_MAIN = (
    MAIN
    + """myhostname = peer.mta.example
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{receiver}
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
smtpd_tls_security_level = none
smtpd_client_connection_count_limit = 0
default_destination_concurrency_limit = {concurrency}
initial_destination_concurrency = 50
default_process_limit = {concurrency}
in_flow_delay = 0
smtpd_milters = {milter}
milter_default_action = tempfail
milter_protocol = 6
"""
)

_MASTER = "127.0.0.1:{port} inet n - n - {concurrency} smtpd\n" + SERVICES

_OPENDKIM = """Mode s
Domain {domain}
Selector {selector}
KeyFile {key}
Canonicalization relaxed/relaxed
SignatureAlgorithm rsa-sha256
OversignHeaders From
InternalHosts 127.0.0.1
Socket {socket}
UMask 000
Syslog no
RequireSafeKeys no
Background no
"""


class Peer(NamedTuple):
    """A running peer: where it takes mail, and its two process trees."""

    port: int
    master: int
    opendkim: int

    def cpu_seconds(self) -> float:
        """Master with its living children and those that it has waited for, and OpenDKIM with its threads."""
        return proc.cpu_of_tree(self.master) + proc.cpu_of_tree(self.opendkim)


def missing() -> str:
    """Why there can be no peer here, after trying to install it; empty when it is there."""
    if os.geteuid() != 0:
        return "Postfix needs root"
    if not all(map(shutil.which, PACKAGES)):
        if not shutil.which("apt-get"):
            return "postfix and opendkim are not installed, and there is no apt-get"
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        choice = b"postfix postfix/main_mailer_type select No configuration\n"
        subprocess.run(["debconf-set-selections"], input=choice, env=env, check=False)
        for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *PACKAGES]):
            subprocess.run(["apt-get", *words], env=env, capture_output=True, check=False)
    found = all(map(shutil.which, PACKAGES))
    return "" if found else "apt-get could not install postfix and opendkim"


def versions() -> str:
    """Of Postfix and OpenDKIM."""
    mail = subprocess.run(["postconf", "-d", "-h", "mail_version"], capture_output=True, text=True, check=True)
    dkim = subprocess.run(["opendkim", "-V"], capture_output=True, text=True, check=True)
    return f"Postfix {mail.stdout.strip()}, {dkim.stdout.splitlines()[0].replace('opendkim: ', '').strip()}"


@contextmanager
def running_peer(
    folder: Path, receiver: int, key: Path, domain: str, milter: str, ports: tuple[int, int]
) -> Iterator[Peer]:
    """Postfix on ports[0], OpenDKIM on a unix socket or on TCP ports[1]; `key` is <selector>.pem."""
    socket = f"inet:{ports[1]}@127.0.0.1" if milter == "tcp" else f"local:{folder}/milter"
    address = f"inet:127.0.0.1:{ports[1]}" if milter == "tcp" else f"unix:{folder}/milter"
    values = {"folder": folder, "receiver": receiver, "milter": address, "port": ports[0], "concurrency": CONCURRENCY}
    write_config(folder, _MAIN.format(**values), _MASTER.format(**values))
    opendkim_conf = folder / "opendkim.conf"
    opendkim_conf.write_text(_OPENDKIM.format(domain=domain, selector=key.stem, key=key, socket=socket))
    with (folder / "opendkim.log").open("wb") as log:
        signer = subprocess.Popen(["opendkim", "-f", "-x", str(opendkim_conf)], stdout=log, stderr=log)
    try:
        with started(folder):
            master = int((folder / "queue" / "pid" / "master.pid").read_text().strip())
            wait_for_port(ports[0])
            if milter == "tcp":
                wait_for_port(ports[1])
            yield Peer(ports[0], master, signer.pid)
    finally:
        signer.send_signal(signal.SIGTERM)
        signer.wait(20)
