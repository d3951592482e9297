"""OpenSMTPD."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.mail_servers import debian
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
)
from tests.support.proxies import running

_MAIN = """pki peer cert "{folder}/cert.pem"
pki peer key "{folder}/key.pem"
smtp max-message-size {limit}
table owners {{ "nobody" = "{nobody}:{nobody}:{folder}/mail" }}
table ann {{ "ann@{domain}" = "nobody" }}
table full {{ "full@{domain}" = "nobody" }}
listen on 127.0.0.1 port {plain} hostname {host}
listen on 127.0.0.1 port {pipelined} hostname {host}
listen on 127.0.0.1 port {starttls} tls pki peer hostname {host}
action "ann" maildir "{folder}/mail/ann" userbase <owners> virtual <ann>
action "full" mda "{folder}/full" userbase <owners> virtual <full>
match from any for rcpt-to "full@{domain}" action "full"
match from any for domain "{domain}" action "ann"
"""

_ROUTE = """action "{name}" relay host "smtp://{address}:{port}"
match from any for domain "{name}" action "{name}"
"""

_FULL = """#!/bin/sh
# it has no quota of its own: the program that delivers says so, as Dovecot's does
echo "Quota exceeded (mailbox for user is full)"
exit 77
"""
"""EX_NOPERM of sysexits.h: what Dovecot's deliver returns when quota_full_tempfail is off."""


@contextmanager
def running_opensmtpd(routes: Routes) -> Iterator[MailServer]:
    """It always offers PIPELINING."""
    with own_folder("opensmtpd") as folder:
        ports = free_ports(*SERVICES)
        config = folder / "smtpd.conf"
        config.write_text(_config(folder, ports, routes))
        full = folder / "full"
        full.write_text(_FULL)
        full.chmod(0o755)
        for name in ("libexec", "spool", "empty"):
            (folder / name).mkdir()
        (folder / "spool").chmod(0o711)
        binds = {
            "/usr/libexec/opensmtpd": debian.root() / "usr" / "libexec" / "opensmtpd",
            "/var/spool/smtpd": folder / "spool",
            "/var/lib/opensmtpd/empty": folder / "empty",
        }
        log = folder / "mail.log"
        command = [str(debian.binary("smtpd")), "-d", "-f", str(config)]
        empty = ["/usr/libexec", "/var/spool", "/var/lib", "/run"]
        with running(debian.alone(folder, command, empty, binds), ports["starttls"], log):
            yield MailServer(folder, ports, log, " smtp connected address=")


def _config(folder: Path, ports: Mapping[str, int], routes: Routes) -> str:
    values = {"folder": folder, "host": HOST, "domain": DOMAIN, "limit": LIMIT, "nobody": NOBODY}
    parts = [_MAIN.format(**values, **ports)]
    parts += [_ROUTE.format(name=name, address=address, port=port) for name, (address, port) in routes.items()]
    return "".join(parts)


OPENSMTPD = Kind("opensmtpd", lambda: debian.missing("smtpd"), running_opensmtpd)
