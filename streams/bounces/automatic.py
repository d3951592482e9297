"""Mail from machines and people that refuses nothing: challenges, out-of-office, receipts, unsubscribes (C7.56)."""

import re

from streams.bounces.mail import Mail
from streams.bounces.shapes import from_machine, shapes

_UNSUBSCRIBE = re.compile(
    r"\s*(?:re:\s*)?(?:unsubscribe|remove|opt[- ]?out|stop|abmelden|austragen|désabonner|baja)\b", re.IGNORECASE
)
_UNSUBSCRIBE_TO = re.compile(
    r"\b(?:unsubscribe|unsub|leave|optout|opt-out|signoff)(?:[+=-][A-Za-z0-9_=+-]{1,64})?@", re.IGNORECASE
)


def before_bounce(mail: Mail, text: str) -> str:
    """Kinds that a bounce could be mistaken for: asked first. Empty when it is none of them."""
    subject = mail.get("subject")
    known = shapes()
    if mail.head.kind == "multipart/report" and "disposition-notification" in mail.head.params.get("report-type", ""):
        return "receipt"
    if any(p.kind == "message/disposition-notification" for p in mail.parts):
        return "receipt"
    if mail.get("x-failed-recipients"):
        return ""
    if known.challenges.search(f"{subject}\n{mail.get('from')}\n{text[:4000]}"):
        return "autoreply"
    if known.autoreplies.search(subject) and not known.subjects.search(subject):
        return "autoreply"
    if known.receipts.search(f"{subject}\n{text[:4000]}") and not known.failures.search(text[:8000]):
        return "receipt"
    return ""


def after_bounce(mail: Mail, text: str) -> str:
    """What a mail is that is no bounce."""
    if unsubscribes(mail, text):
        return "unsubscribe"
    return "autoreply" if _automatic(mail) or shapes().autoreplies.search(mail.get("subject")) else "other"


def unsubscribes(mail: Mail, text: str) -> bool:
    """A person's or a provider's mailto unsubscribe (RFC 2369); whose it is only the token tells (C6.47)."""
    if from_machine(mail):
        return False
    first = text.strip()[:200]
    asked = _UNSUBSCRIBE.match(mail.get("subject")) or (not mail.get("subject") and _UNSUBSCRIBE.match(first))
    to = " ".join(mail.head.get(name)[:2000] for name in ("to", "delivered-to", "x-original-to"))
    return bool(asked or _UNSUBSCRIBE_TO.search(to))


def _automatic(mail: Mail) -> bool:
    """RFC 3834 section 5, and what came before it."""
    submitted = mail.get("auto-submitted").lower()
    names = {name for name, _ in mail.head.fields}
    return (
        (bool(submitted) and not submitted.startswith("no"))
        or bool(names & shapes().autoreply_headers)
        or mail.get("precedence").lower() in {"auto_reply", "auto-reply"}
    )
