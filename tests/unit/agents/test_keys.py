import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from agents.keys import KeyFileError, create_key, dns_record, key_path, load_key, load_signer, load_signers
from streams.dkim import ED25519, RSA
from tests.mail import built, keys, signed, verifies


def test_keys_of_a_domain_sign_and_verify(tmp_path: Path) -> None:
    domain = "letter.example"
    records = {
        f"s1._domainkey.{domain}": "".join(dns_record(create_key(key_path(tmp_path, domain, "s1")))),
        f"e1._domainkey.{domain}": "".join(dns_record(create_key(key_path(tmp_path, domain, "e1"), ED25519))),
    }
    signers = load_signers(tmp_path, domain, ("s1", "e1"))
    assert [s.algorithm for s in signers] == [RSA, ED25519]
    data = signed(built(), signers)
    assert verifies(data, 0, records)
    assert verifies(data, 1, records)
    other = {f"s1._domainkey.{domain}": keys().records[f"r1._domainkey.{domain}"]}
    assert not verifies(signed(built(), signers[:1]), 0, other)


def test_a_key_file_is_the_owners_alone_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a" / "s.pem"
    create_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        create_key(path)
    assert path.read_bytes() == before


def test_c5_38_an_rsa_key_below_1024_bits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short.pem"
    path.write_bytes(short_key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    with pytest.raises(KeyFileError, match=r"short.pem: RSA-512 is too short, at least 1024 bits"):
        load_signer(path, "letter.example", "s")


def test_c5_38_an_rsa_key_of_1024_bits_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "1024.pem"
    key = rsa.generate_private_key(65537, 1024)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    assert load_signer(path, "letter.example", "s").algorithm == RSA


def short_key() -> rsa.RSAPrivateKey:
    """512 bits: from its primes, since the library refuses to generate one."""
    p, q = P, Q
    d = pow(65537, -1, (p - 1) * (q - 1))
    crt = (rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q))
    return rsa.RSAPrivateNumbers(p, q, d, *crt, rsa.RSAPublicNumbers(65537, p * q)).private_key()


P = 0xFA9300C699C6FE6935EFCAADC34B2EAF2B7C5DCAD95F19229309B439C11AC641
Q = 0xD517EFC6B8E02E8B0CA3F370A624AB70722231416E3B54F0068839892F4B8811


def test_errors_name_the_file(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    with pytest.raises(KeyFileError, match=r"missing.pem: cannot be read: No such file"):
        load_key(missing)
    broken = tmp_path / "broken.pem"
    broken.write_text("not a key")
    with pytest.raises(KeyFileError, match=r"broken.pem: not a private key in PEM"):
        load_key(broken)
    locked = tmp_path / "locked.pem"
    key = rsa.generate_private_key(65537, 2048)
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))
    with pytest.raises(KeyFileError, match=r"locked.pem: not a private key in PEM"):
        load_key(locked)
    curve = tmp_path / "curve.pem"
    other = ec.generate_private_key(ec.SECP256R1())
    curve.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(KeyFileError, match=r"curve.pem: .* is neither RSA nor Ed25519"):
        load_key(curve)
