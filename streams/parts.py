"""The MIME tree (RFC 2046), with only what is needed: mixed(alternative(text, related(html, inline files)), files)."""

import hashlib
import re
from typing import NamedTuple

from schemas.request import Attachment
from streams.encode import base64, text_part
from streams.fields import FieldError, control_free, parameters
from streams.header_rules import Header

_WORD = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+"
_MEDIA_TYPE = re.compile(rf'({_WORD})/({_WORD})((?:; ?{_WORD}=(?:{_WORD}|"[ !#-\[\]-~]*"))*)\Z')
_CONTENT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200}\Z")


class Part(NamedTuple):
    """Content-* fields, folded, and octets without a final CRLF."""

    headers: tuple[Header, ...]
    body: bytes


class InlinePart(NamedTuple):
    """A part that HTML shows as cid:<content_id>, ready to be written."""

    content_id: str
    part: Part


def check_attachments(attachments: tuple[Attachment, ...], limit: int, count: int) -> None:
    """Raises FieldError for an attachment that is too large or whose type, name or content id is not valid."""
    if len(attachments) > count:
        raise FieldError("attachments", f"{len(attachments)} of them, above the limit of {count}")
    ids: set[str] = set()
    for i, file in enumerate(attachments):
        where = f"attachments[{i}]"
        if len(file.content) > limit:
            raise FieldError(where, f"{len(file.content)} octets, above the limit of {limit}")
        control_free(f"{where}.filename", file.filename)
        match = _MEDIA_TYPE.match(file.content_type)
        if not match or len(file.content_type) > 200:
            raise FieldError(f"{where}.content_type", f"{file.content_type[:80]!r} is not a media type (RFC 2045)")
        if match[1].lower() in {"multipart", "message"}:  # they may not be in base64 (RFC 2045 section 6.4)
            raise FieldError(f"{where}.content_type", f"{file.content_type[:80]!r} cannot be attached")
        if file.content_id is not None:
            if not _CONTENT_ID.match(file.content_id) or file.content_id in ids:
                raise FieldError(f"{where}.content_id", f"{file.content_id[:80]!r} is not a content id, or given twice")
            ids.add(file.content_id)


def inline_part(name: str, media_type: str, content: bytes) -> InlinePart:
    """Encode an image once for all messages that show it."""
    return InlinePart(name, _file(Attachment(name, media_type, content, name)))


def body_part(
    text: str | None,
    html: str | None,
    attachments: tuple[Attachment, ...],
    seed: bytes,
    images: tuple[InlinePart, ...] = (),
) -> Part:
    """The tree of a message; an attachment takes the place of an image with its content id.

    Raises FieldError when there is neither text nor HTML.
    """
    inline = [f for f in attachments if f.content_id is not None and html is not None]
    files = [f for f in attachments if f.content_id is None or html is None]
    bodies = [] if text is None else [_text("text/plain", text)]
    if html is not None:
        part = _text("text/html", html)
        if inline or images:
            own = {f.content_id for f in inline}
            shown = [*(i.part for i in images if i.content_id not in own), *map(_file, inline)]
            params = (("type", "text/html"),)  # RFC 2387 section 3.1; the root is the first part
            part = _multipart("related", [part, *shown], seed, params)
        bodies.append(part)
    if not bodies:
        raise FieldError("text", "neither text nor html is given")
    # the last alternative is the preferred one (RFC 2046 section 5.1.4)
    main = bodies[0] if len(bodies) == 1 else _multipart("alternative", bodies, seed)
    return _multipart("mixed", [main, *map(_file, files)], seed) if files else main


_TEXT_HEADERS = {
    (media, encoding): (("Content-Type", f'{media}; charset="utf-8"'), ("Content-Transfer-Encoding", encoding))
    for media in ("text/plain", "text/html")
    for encoding in ("7bit", "quoted-printable", "base64")
}


def _text(media: str, text: str) -> Part:
    encoded = text_part(text)
    return Part(_TEXT_HEADERS[media, encoded.encoding], encoded.data)


def _file(file: Attachment) -> Part:
    disposition = "attachment" if file.content_id is None else "inline"
    headers = [("Content-Type", file.content_type), ("Content-Transfer-Encoding", "base64")]
    if file.content_id is not None:
        headers.append(("Content-ID", f"<{file.content_id}>"))
    params = (("filename", file.filename),) if file.filename else ()
    headers.append(("Content-Disposition", parameters("Content-Disposition", disposition, params)))
    return Part(tuple(headers), base64(file.content))


def _multipart(kind: str, parts: list[Part], seed: bytes, params: tuple[Header, ...] = ()) -> Part:
    boundary = _boundary(kind, parts, seed)
    dash = b"--" + boundary.encode()
    chunks = [piece for part in parts for piece in (dash, _head(part.headers), part.body)]
    value = parameters("Content-Type", f"multipart/{kind}", (*params, ("boundary", boundary)))
    return Part((("Content-Type", value),), b"\r\n".join([*chunks, dash + b"--"]))


def _head(headers: tuple[Header, ...]) -> bytes:
    """The part's fields and, since the pieces are joined by CRLF, the empty line after them."""
    return _HEADS.get(headers) or "".join(f"{name}: {value}\r\n" for name, value in headers).encode("ascii")


_HEADS: dict[tuple[Header, ...], bytes] = {
    headers: "".join(f"{name}: {value}\r\n" for name, value in headers).encode("ascii")
    for headers in _TEXT_HEADERS.values()
}


def _boundary(kind: str, parts: list[Part], seed: bytes) -> str:
    """Random, and in no part (RFC 2046 section 5.1.1). "=_" cannot occur in quoted-printable or base64."""
    while True:
        boundary = f"=_{kind[0]}{seed[:16].hex()}"
        needle = boundary.encode()
        if not any(needle in part.body for part in parts):
            return boundary
        seed = hashlib.sha256(seed).digest()
