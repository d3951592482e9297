"""What the reader says of a mail: Inspection, with one Recipient for each address it speaks of."""

from typing import NamedTuple

KINDS = ("bounce", "complaint", "autoreply", "receipt", "unsubscribe", "other")
"""A delay notice is a bounce whose recipients have action "delayed": only "failed" counts (C7.52)."""

MAX_DIAGNOSTIC = 1000
"""Characters of a diagnostic that are kept."""


class Recipient(NamedTuple):
    """One recipient.

    action: failed, delayed, delivered, relayed, expanded, or empty in complaints. status: enhanced code as given, else
    inferred as 4.0.0 or 5.0.0. reply_code: SMTP code as text or empty. bounce_class and hard: the classifier's.
    """

    address: str
    action: str = ""
    status: str = ""
    reply_code: str = ""
    bounce_class: str = ""
    hard: bool = False
    diagnostic: str = ""


class Inspection(NamedTuple):
    """One mail. message_id: of the original, without angle brackets. token: our trace token as found, not verified.

    problem: empty, or the limit that the mail broke; such a mail goes to the dead letters and changes nothing.
    """

    kind: str
    recipients: tuple[Recipient, ...] = ()
    feedback_type: str = ""
    message_id: str = ""
    token: str = ""
    problem: str = ""
