"""Postfix, with OpenDKIM where a test wants its word."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from os import chown
from pathlib import Path

from tests.bench.injector import wait_for_port
from tests.support import postfix_services
from tests.support.mail_servers.opendkim import running_opendkim
from tests.support.mail_servers.server import (
    DOMAIN,
    HOST,
    LIMIT,
    NOBODY,
    SERVICES,
    Kind,
    MailServer,
    Routes,
    free_ports,
    own_folder,
    unprivileged,
)

_MAIN = (
    postfix_services.MAIN
    + """myhostname = {host}
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = reject_unauth_destination
smtpd_data_restrictions = reject_unauth_pipelining
smtpd_tls_security_level = none
smtpd_tls_cert_file = {folder}/cert.pem
smtpd_tls_key_file = {folder}/key.pem
message_size_limit = {limit}
virtual_mailbox_limit = {limit}
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = inline:{{ {{ann@{domain}=ann/}}, {{full@{domain}=full}} }}
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
relay_domains = {relayed}
relay_transport = error:nowhere
default_transport = error:nowhere
transport_maps = {routes}
milter_default_action = tempfail
"""
)

_MASTER = """127.0.0.1:{plain} inet n - n - - smtpd
  -o smtpd_discard_ehlo_keywords=pipelining
127.0.0.1:{pipelined} inet n - n - - smtpd
127.0.0.1:{starttls} inet n - n - - smtpd
  -o smtpd_tls_security_level=may
127.0.0.1:{dkim} inet n - n - - smtpd
  -o smtpd_milters=unix:{folder}/milter
tlsmgr unix - - n 1000? 1 tlsmgr
virtual unix - n n - - virtual
""" + postfix_services.SERVICES.replace("{concurrency}", "-")


def missing(*programs: str) -> str:
    """Why it cannot run here, with these programs besides; empty when it can. Installs nothing."""
    absent = (
        f"{name} is not installed (apt-get install {name})" for name in ("postfix", *programs) if not shutil.which(name)
    )
    return unprivileged() or ", ".join(absent)


@contextmanager
def running_postfix(routes: Routes, dns: Mapping[str, str] | None = None) -> Iterator[MailServer]:
    """dns: names and TXT records for OpenDKIM, which runs only when there are some, and is asked on the port `dkim`."""
    with ExitStack() as stack:
        folder = stack.enter_context(own_folder("postfix"))
        ports = free_ports(*SERVICES, "dkim")
        _write(folder, ports, routes)
        if dns:
            stack.enter_context(running_opendkim(folder, dns))
        stack.enter_context(postfix_services.started(folder))
        for port in ports.values():
            wait_for_port(port)
        yield MailServer(folder, ports, folder / "mail.log", "]: connect from unknown[")


def _write(folder: Path, ports: Mapping[str, int], routes: Routes) -> None:
    full = folder / "mail" / "full"
    full.write_bytes(b"x" * (LIMIT - 1))
    chown(full, NOBODY, NOBODY)
    pairs = ", ".join(f"{{{domain}=smtp:[{host}]:{port}}}" for domain, (host, port) in routes.items())
    values = {
        "folder": folder,
        "host": HOST,
        "domain": DOMAIN,
        "limit": LIMIT,
        "nobody": NOBODY,
        "relayed": ", ".join(routes),
        "routes": f"inline:{{ {pairs} }}" if pairs else "",  # an empty inline table is an error
    }
    postfix_services.write_config(folder, _MAIN.format(**values), _MASTER.format(folder=folder, **ports))


POSTFIX = Kind("postfix", missing, running_postfix)
