"""Opens and clicks: links of the HTML part lead through `streampost web`, and a pixel says that it was shown.

Done after rendering, since variables may hold links too, in one pass of a scanner that is linear in its input (no `<`
inside a tag, no backtracking). What is left alone: other schemes than http and https, anchors, the unsubscribe link and
everything else of our own, links marked `data-track="off"`, and what does not look like a link of today's HTML.

    tracked(rendered, asked)         # the same value when there is nothing to do
"""

import html as entities
import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from schemas.address import domain_alabel
from schemas.errors import AddressError
from schemas.request import EmailRequest
from streams.compose import MessageFacts, unsubscribe_url
from streams.config import Tenant
from streams.mail_links import CLICK_PATH, OPEN_PATH, OPEN_SUFFIX, MailLinks
from streams.render import Rendered
from streams.web_tokens import CLICK, OPEN, Prepared

MAX_LINK = 2000
"""Characters of a link that is rewritten: what every mail program and proxy passes on."""

# an opening tag of <a>, <area> or VML (Outlook's buttons), attributes quoted or not
_TAG = re.compile(r"""<(?:a|area|v:[a-z]++)(?=[\s/])(?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+>""", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]++)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s"'<>]++))?+""")
_TEXT_LINK = re.compile(r"\bhttps?://[^\s<>\"]++", re.IGNORECASE)
_CLOSING = re.compile(r"</body\s*+>", re.IGNORECASE)
_OFF = frozenset({("data-track", "off"), ("data-track", "false"), ("clicktracking", "off"), ("data-pm-no-track", "")})
"""Marks of a link that is not to be counted: ours, and those that templates bring from SendGrid and Postmark."""
_PIXEL = '<img src="{}" alt="" width="1" height="1" style="width:1px;height:1px;border:0;margin:0;padding:0">'
_SAFE = "%/:=&?~#+!$,;'@()*[]"


class Asked(NamedTuple):
    """What is to be counted in a message. `base` is the tenant's web_url; `own` the message's unsubscribe URL."""

    base: str
    prepared: Prepared
    own: str
    opens: bool
    clicks: bool
    text_links: bool = False


def asked_of(request: EmailRequest, tenant: Tenant, facts: MessageFacts, links: MailLinks) -> Asked | None:
    """What is counted in this message: what its request asks for and its tenant allows. None: nothing."""
    opens, clicks = request.track_opens and tenant.track_opens, request.track_clicks and tenant.track_clicks
    if not tenant.web_url or not (opens or clicks):
        return None
    own = unsubscribe_url(tenant, request, facts)
    return Asked(tenant.web_url, links.prepared, own, opens, clicks, tenant.track_text_links)


def tracked(rendered: Rendered, asked: Asked) -> Rendered:
    """The parts with links rewritten and the pixel added. The text part stays as it is unless `text_links`."""
    html, text = rendered.html, rendered.text
    if asked.clicks:
        swap = _swapper(asked)
        if html:
            html = _TAG.sub(lambda tag: _counted(tag[0], asked, swap), html)
        if text and asked.text_links:
            text = _TEXT_LINK.sub(lambda link: _text_link(link[0], swap), text)
    if asked.opens and html:
        html = _with_pixel(html, f"{asked.base}{OPEN_PATH}{asked.prepared.token(OPEN)}{OPEN_SUFFIX}")
    return rendered if html is rendered.html and text is rendered.text else rendered._replace(html=html, text=text)


def _swapper(asked: Asked) -> Callable[[str], str]:
    """target -> the URL that counts it, or an empty string for what is ours. A link that comes again costs nothing."""
    known: dict[str, str] = {}
    start, ours = f"{asked.base}{CLICK_PATH}", (f"{asked.base}/", asked.own or f"{asked.base}/")

    def swap(target: str) -> str:
        found = known.get(target)
        if found is None:
            found = "" if target.startswith(ours) else f"{start}{asked.prepared.token(CLICK, target)}"
            known[target] = found
        return found

    return swap


class _Tag(NamedTuple):
    """A tag in three: what stands before its link's value, where that leads, and what stands after it."""

    before: str
    target: str
    after: str


def _counted(tag: str, asked: Asked, swap: Callable[[str], str]) -> str:
    # what holds the recipient's own token comes once: it would only push others out of the cache
    parts = _split(tag) if asked.base in tag else _known(tag)
    if parts is None or not (url := swap(parts.target)):
        return tag
    return f'{parts.before}"{url}"{parts.after}'


def _split(tag: str) -> _Tag | None:
    """None when the tag has no link that may be counted."""
    where = None
    for attribute in _ATTRIBUTE.finditer(tag, 1):
        name, value = attribute[1].lower(), attribute[2] or ""
        if name == "href" and value and where is None:
            where = attribute.span(2)
        elif (name, value.strip("\"'").lower()) in _OFF:
            return None
    if where is None:
        return None
    value = tag[where[0] : where[1]].strip("\"'")
    target = web_target((entities.unescape(value) if "&" in value else value).strip())
    return _Tag(tag[: where[0]], target, tag[where[1] :]) if target else None


# most links of a template are the same in every message: they are taken apart once
_known = lru_cache(maxsize=4096)(_split)


def _text_link(link: str, swap: Callable[[str], str]) -> str:
    """The stop at the end of a sentence is not the link's, nor is a bracket that was opened before it."""
    bare = link.rstrip(".,;:!?'*_")
    while bare.endswith(")") and bare.count(")") > bare.count("("):
        bare = bare[:-1].rstrip(".,;:!?'*_")
    target = web_target(bare)
    url = swap(target) if target else ""
    return url + link[len(bare) :] if url else link


def _with_pixel(html: str, url: str) -> str:
    pixel = _PIXEL.format(url)
    last = None
    for last in _CLOSING.finditer(html):  # noqa: B007 - the last one counts
        pass
    at = last.start() if last else len(html)
    return html[:at] + pixel + html[at:]


def web_target(link: str) -> str:
    """The link as an ASCII URL (RFC 3986), or an empty string when it is none of http or https that may be counted."""
    if not link[:8].lower().startswith(("http://", "https://")) or len(link) > MAX_LINK or not link.isprintable():
        return ""
    try:
        parts = urlsplit(link)
        host, _ = parts.hostname, parts.port
        if not host or parts.username is not None or "\\" in parts.netloc:
            return ""
        if not parts.netloc.isascii():
            # an internationalised name goes as A-labels (RFC 5891)
            parts = parts._replace(netloc=parts.netloc.lower().replace(host, domain_alabel(host)))
    except (ValueError, AddressError):
        return ""
    url = quote(parts.geturl(), safe=_SAFE)
    return url if len(url) <= MAX_LINK else ""
