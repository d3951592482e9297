"""Lighter and safer HTML of a template: CSS written into the elements, needless space and comments taken out.

Template code is hidden behind marks meanwhile. Where it cannot be shown that the template still says the same, nothing
is changed and the reason is told.
"""

import re
from collections import Counter
from html import unescape
from typing import NamedTuple

import css_inline

from schemas.records import Template
from streams.template_code import CODE

_TOKEN = re.compile(
    r"(?P<comment><!--.*?-->)|(?P<doctype><![^>]*>)"
    r"|(?P<raw><(?P<name>style|script|textarea|title)\b[^>]*>.*?</(?P=name)\s*>)"
    r"""|(?P<tag></?[a-z](?:"[^"]*"|'[^']*'|[^>"'])*+>)|(?P<text>[^<]+|<)""",
    re.IGNORECASE | re.DOTALL,
)
_VALUE = re.compile(r"""=\s*(?:"[^"]*"|'[^']*')""")
_STYLE_VALUE = re.compile(r"""\bstyle\s*=\s*(?:"[^"]*"|'[^']*')""", re.IGNORECASE)
_TAG_NAME = re.compile(r"</?[^\s/>]+")
_AT_BLOCK = re.compile(r"@[^{;]+\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
_POSITIONAL = re.compile(r":(?:first|last|nth|only)-|:empty|\+|~(?!=)")
_IMPLIED = frozenset({"html", "head", "body", "tbody"})
_CSS = re.compile(
    r"""(?P<kept>"(?:\\.|[^"\\])*+"|'(?:\\.|[^'\\])*+')|(?<=[\s{};])(?P<gone>/\*.*?\*/\s*)|(?P<glued>/\*.*?\*/)|(?P<space>\s+)""",
    re.DOTALL,
)
_SPACE = re.compile(r"[ \t\r\n\f]+")
_PRE = re.compile(r"<pre\b|white-space\s*:\s*(?:pre|break-spaces)", re.IGNORECASE)


class CannotSlim(NamedTuple):
    """Why the HTML stays as it is."""

    reason: str


class _Hidden(NamedTuple):
    """HTML with a mark for each piece of template code."""

    html: str
    codes: tuple[str, ...]
    mark: re.Pattern[str]


def inline_css(html: str) -> str | CannotSlim:
    """Rules of style blocks written into `style` attributes; the blocks stay, and with them media queries and MSO."""
    hidden = _hide(html)
    if reason := _unsafe(hidden):
        return CannotSlim(reason)
    marked = "".join(_comments(hidden, m) for m in _TOKEN.finditer(hidden.html))
    try:
        found = css_inline.inline(marked, keep_style_tags=True, load_remote_stylesheets=False)
    except (css_inline.InlineError, ValueError) as e:
        return CannotSlim(f"its CSS or HTML cannot be read: {e}")
    if hidden.mark.findall(found) != [str(n) for n in range(len(hidden.codes))] or _shape(found) != _shape(marked):
        return CannotSlim("template code or elements would move: close every element in the branch that opens it")
    found = _without_added(found, marked)
    doctype = re.search(r"<!doctype[^>]*>", html, re.IGNORECASE)
    if doctype:
        found = found.replace("<!DOCTYPE html>", doctype[0], 1)
    return _show(found, hidden)


def minify(html: str) -> str:
    """Runs of space become one, comments go; conditional comments, strings, preformatted text and code stay."""
    hidden = _hide(html)
    squeeze = _PRE.search(html) is None
    return _show("".join(_minified(hidden, m, squeeze) for m in _TOKEN.finditer(hidden.html)), hidden)


def _hide(html: str) -> _Hidden:
    prefix = "zq"
    while prefix in html:
        prefix += "q"
    codes: list[str] = []

    def mark(code: re.Match[str]) -> str:
        codes.append(code[0])
        return f"{prefix}{len(codes) - 1}z"

    return _Hidden(CODE.sub(mark, html), tuple(codes), re.compile(rf"{prefix}(\d+)z"))


def _show(html: str, hidden: _Hidden) -> str:
    either = re.compile(rf"<!--{hidden.mark.pattern}-->|{hidden.mark.pattern}")
    return either.sub(lambda m: hidden.codes[int(m[1] or m[2])], html)


def _comments(hidden: _Hidden, token: re.Match[str]) -> str:
    """In text a mark is a comment, which may stand where text may not (between the rows of a table)."""
    return hidden.mark.sub(r"<!--\g<0>-->", token[0]) if token["text"] else token[0]


def _unsafe(hidden: _Hidden) -> str:
    """Why CSS cannot be inlined, or nothing."""
    tokens = list(_TOKEN.finditer(hidden.html))
    unfinished = re.compile(rf"&#?\w*?{hidden.mark.pattern}")
    for token in tokens:
        if token["text"] and unfinished.search(token[0]):
            return "an & meets template code, and may become a character with what that writes; write &amp;"
        if token["tag"] and hidden.mark.search(_VALUE.sub("", token[0])):
            return "template code stands in a tag outside of a quoted value"
        styles = "".join(_STYLE_VALUE.findall(token["tag"] or ""))
        if any(not hidden.codes[int(n)].startswith("{{") for n in hidden.mark.findall(styles)):
            return "a style attribute holds a statement"
        if token["doctype"] and not token[0].lower().startswith("<!doctype"):
            return f"{token[0]} is no comment that every program skips; write <!--[if …]><!-->"
    if any(code.startswith("{%") for code in hidden.codes):
        css = "".join(t["raw"] for t in tokens if t["raw"] and t["name"].lower() == "style")
        plain = re.sub(r"/\*.*?\*/", "", re.sub(r"</?style[^>]*>", "", css, flags=re.IGNORECASE), flags=re.DOTALL)
        if _POSITIONAL.search(re.sub(r"\{[^{}]*\}", "", _AT_BLOCK.sub("", plain))):
            return "a CSS selector counts siblings, whose number the template decides"
    return ""


def _shape(html: str) -> list[str]:
    """Elements, comments and words in their order, without what a parser may add."""
    return [item for token in _TOKEN.finditer(html) for item in _items(token)]


def _items(token: re.Match[str]) -> list[str]:
    """What a token adds to the shape."""
    if token["tag"]:
        tag = _tag(token)
        return [] if tag.lstrip("</") in _IMPLIED else [tag]
    return [] if token["doctype"] else unescape(token[0]).split()


def _tag(token: re.Match[str]) -> str:
    name = _TAG_NAME.match(token[0])
    return name[0].lower() if name else token[0]


def _without_added(html: str, source: str) -> str:
    """Without the <tbody> that the parser adds: it would be within a loop around rows, and its end outside."""
    written: Counter[tuple[int, str]] = Counter()
    at = 0
    for token in _TOKEN.finditer(source):
        written[at, _tag(token) if token["tag"] else ""] += 1
        at += len(_items(token))
    kept: list[str] = []
    at = 0
    for token in _TOKEN.finditer(html):
        place = at, _tag(token) if token["tag"] else ""
        if place[1] not in {"<tbody", "</tbody"} or written[place] > 0:
            written[place] -= 1
            kept.append(token[0])
        at += len(_items(token))
    return "".join(kept)


def _minified(hidden: _Hidden, token: re.Match[str], squeeze: bool) -> str:
    whole = token[0]
    if token["comment"]:
        before = hidden.html[max(token.start() - 1, 0) : token.start()]
        parts = before not in {"", ">"} and not before.isspace()  # without it "<" or "&" would meet what follows
        kept = parts or hidden.mark.search(whole) or "[if" in whole or "[endif" in whole
        return whole if kept else ""
    if token["raw"]:
        return _CSS.sub(lambda m: _css(hidden, m), whole) if token["name"].lower() == "style" else whole
    if token["text"] and squeeze:
        return _SPACE.sub(lambda m: "\n" if "\n" in m[0] else " ", whole)
    return whole


def _css(hidden: _Hidden, piece: re.Match[str]) -> str:
    if piece["gone"] and not hidden.mark.search(piece[0]):
        return ""
    return " " if piece["space"] else piece[0]


def slim(template: Template, css: bool, small: bool) -> Template | CannotSlim:
    """The template with its CSS inlined and then minified, as is asked for. One without HTML stays as it is."""
    if not template.html:
        return template
    html = inline_css(template.html) if css else template.html
    if isinstance(html, CannotSlim):
        return html
    return template._replace(html=minify(html) if small else html)
