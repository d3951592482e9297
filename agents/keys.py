"""DKIM keys as files: `keys/<domain>/<selector>.pem`, parsed once into signers."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from streams.dkim import ED25519, MIN_RSA_BITS, RSA, Signer, public_record

PrivateKey = RSAPrivateKey | Ed25519PrivateKey


class KeyFileError(ValueError):
    """A key file that cannot be used; the message names the file and says why."""


def load_signer(path: Path, domain: str, selector: str) -> Signer:
    """The signer of one private key in PEM (PKCS #8 or PKCS #1), RSA or Ed25519. Raises KeyFileError."""
    key = load_key(path)
    if isinstance(key, RSAPrivateKey):
        return Signer(domain, selector, RSA, _rsa_sign(key))
    return Signer(domain, selector, ED25519, _ed25519_sign(key))


def load_signers(keys_dir: Path, domain: str, selectors: tuple[str, ...]) -> tuple[Signer, ...]:
    """The signers of a domain, from `<keys_dir>/<domain>/<selector>.pem`. Raises KeyFileError."""
    return tuple(load_signer(key_path(keys_dir, domain, selector), domain, selector) for selector in selectors)


def key_path(keys_dir: Path, domain: str, selector: str) -> Path:
    """Where the key of a selector is kept."""
    return keys_dir / domain / f"{selector}.pem"


def load_key(path: Path) -> PrivateKey:
    """The private key in a PEM file. Raises KeyFileError."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as e:
        raise KeyFileError(f"{path}: cannot be read: {e.strerror}") from e
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:  # TypeError: the key is encrypted
        raise KeyFileError(f"{path}: not a private key in PEM: {e}") from e
    if isinstance(key, RSAPrivateKey):
        if key.key_size < MIN_RSA_BITS:
            raise KeyFileError(f"{path}: RSA-{key.key_size} is too short, at least {MIN_RSA_BITS} bits (RFC 8301)")
        return key
    if isinstance(key, Ed25519PrivateKey):
        return key
    raise KeyFileError(f"{path}: {type(key).__name__} is neither RSA nor Ed25519")


def _rsa_sign(key: RSAPrivateKey) -> Callable[[bytes], bytes]:
    padding, digest = PKCS1v15(), hashes.SHA256()
    return lambda data: key.sign(data, padding, digest)


def _ed25519_sign(key: Ed25519PrivateKey) -> Callable[[bytes], bytes]:
    return lambda data: key.sign(hashlib.sha256(data).digest())  # RFC 8463 section 3


def create_key(path: Path, algorithm: str = RSA, bits: int = 2048) -> PrivateKey:
    """Make a key and write it as PKCS #8, for the owner only. Raises FileExistsError for an existing file."""
    key = generate_private_key(65537, bits) if algorithm == RSA else Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(pem)
    return key


def dns_record(key: PrivateKey) -> tuple[str, ...]:
    """The strings (each <= 255 octets) of the TXT record at `<selector>._domainkey.<domain>`."""
    public = key.public_key()
    if isinstance(key, RSAPrivateKey):
        return public_record(RSA, public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return public_record(ED25519, public.public_bytes(Encoding.Raw, PublicFormat.Raw))
