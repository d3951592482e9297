"""Postfix from Debian's packages as a relay: TLS, SASL by a password file, and everything on to one receiver.

An instance of our own in a folder, on loopback; it knows no DNS, so nothing can leave this machine.
"""

import datetime as dt
import ipaddress
import os
import shutil
import smtplib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.kafka import wait_until
from tests.support.postfix_services import MAIN, SERVICES, started, write_config
from tests.support.proxies import free_port, need

_MAIN = (
    MAIN
    + """myhostname = relay.test
mynetworks =
relayhost = [127.0.0.1]:{receiver}
smtpd_client_connection_count_limit = 0
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions =
smtpd_tls_security_level = {tls}
smtpd_tls_auth_only = yes
smtpd_tls_chain_files = {folder}/relay.pem
smtpd_sasl_auth_enable = yes
smtpd_sasl_path = smtpd
smtpd_sasl_security_options = noanonymous
smtpd_sasl_local_domain = relay.test
cyrus_sasl_config_path = {folder}/etc/sasl
"""
)
_MASTER = """127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{implicit} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
tlsmgr unix - - n 1000? 1 tlsmgr
""" + SERVICES.replace("{concurrency}", "-")
_SASL = "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {folder}/sasldb2\nmech_list: {mechanisms}\n"

USER, PASSWORD = "mailer@relay.test", "correct horse battery"


class PostfixRelay(NamedTuple):
    """Ports for STARTTLS and for TLS at once; the file that vouches for `localhost` and 127.0.0.1."""

    port: int
    implicit: int
    ca_file: Path
    log: Path


@contextmanager
def running_relay(receiver: int, mechanisms: str = "PLAIN LOGIN", tls: str = "encrypt") -> Iterator[PostfixRelay]:
    """Takes mail from who logs in, and passes it to the receiver's port."""
    for binary, package in (("postfix", "postfix"), ("saslpasswd2", "sasl2-bin")):
        need(binary, package)
    if os.geteuid() != 0:
        pytest.skip("Postfix needs root")
    with tempfile.TemporaryDirectory(prefix="relay-") as name:  # pytest's own folder is for root alone
        yield from _running(Path(name), receiver, mechanisms, tls)


def _running(folder: Path, receiver: int, mechanisms: str, tls: str) -> Iterator[PostfixRelay]:
    relay = PostfixRelay(free_port(), free_port(), folder / "ca.pem", folder / "mail.log")
    _write_certificates(folder)
    values = {"folder": folder, "receiver": receiver, "tls": tls, "port": relay.port, "implicit": relay.implicit}
    write_config(folder, _MAIN.format(**values), _MASTER.format(**values))
    _write_accounts(folder, mechanisms)
    with started(folder):
        wait_until(lambda: _greets(relay.port), "the relay greets", 20)
        yield relay


def _greets(port: int) -> bool:
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=5):
            return True
    except (OSError, smtplib.SMTPException):
        return False


def _write_accounts(folder: Path, mechanisms: str) -> None:
    (folder / "etc" / "sasl").mkdir()
    (folder / "etc" / "sasl" / "smtpd.conf").write_text(_SASL.format(folder=folder, mechanisms=mechanisms))
    user, _, realm = USER.partition("@")
    command = ["saslpasswd2", "-p", "-c", "-f", str(folder / "sasldb2"), "-u", realm, user]
    subprocess.run(command, input=PASSWORD.encode(), check=True, capture_output=True)
    shutil.chown(folder / "sasldb2", "postfix")


def _write_certificates(folder: Path) -> None:
    """ca.pem signs relay.pem (key and chain, as Postfix reads it)."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "streampost test CA")])
    ca = _certificate(ca_name, ca_name, ca_key, ca_key, x509.BasicConstraints(ca=True, path_length=0), None)
    alternatives = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    no_ca = x509.BasicConstraints(ca=False, path_length=None)
    own = _certificate(name, ca_name, key, ca_key, no_ca, x509.SubjectAlternativeName(alternatives))
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    (folder / "relay.pem").write_bytes(private + own.public_bytes(pem) + ca.public_bytes(pem))


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    constraints: x509.BasicConstraints,
    alternatives: x509.SubjectAlternativeName | None,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(constraints, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if alternatives:
        builder = builder.add_extension(alternatives, critical=False)
    return builder.sign(signer, hashes.SHA256())
