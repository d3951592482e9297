"""What shaping.toml may say about TLS with receiving servers (`tls`), and what it means."""

from typing import NamedTuple


class TlsMode(NamedTuple):
    """Whether STARTTLS is used where it is offered, whether nothing is sent without it, and whether the certificate
    must be valid for the MX host."""

    use: bool
    need: bool
    verify: bool


NONE, OPPORTUNISTIC, REQUIRED, VERIFIED = "none", "opportunistic", "required", "verified"
MODES = {
    NONE: TlsMode(use=False, need=False, verify=False),
    OPPORTUNISTIC: TlsMode(use=True, need=False, verify=False),  # RFC 7435: any certificate is better than none
    REQUIRED: TlsMode(use=True, need=True, verify=False),
    VERIFIED: TlsMode(use=True, need=True, verify=True),
}

NOT_OFFERED, NOT_TRUSTED = "4.7.4", "4.7.5"
"""RFC 3463 section 3.8: a security feature that is not supported; a cryptographic failure."""
