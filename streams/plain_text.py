"""HTML -> the plain text part: paragraphs, lists, links as `text <url>`, images by their alt text, nothing hidden."""

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

_SKIPPED = frozenset(
    {"head", "style", "script", "title", "template", "noscript", "svg", "object", "iframe", "select", "button"}
)
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "center", "div", "dl", "dt", "dd", "fieldset", "figure", "footer"}
    | {"form", "header", "hr", "main", "nav", "ol", "section", "table", "tbody", "thead", "tfoot", "tr", "ul"}
)
_PARAGRAPHS = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "pre"])
_HIDDEN = ("display:none", "visibility:hidden", "mso-hide:all", "max-height:0;", "opacity:0;")
_SIZED = re.compile(r"font-size\s*:\s*0")
_SIZE = re.compile(r"(?:^|;)font-size:(0(?:px|r?em|pt|%)?(?:!important)?;)?")
_FILLERS = ("\u034f", "\u00ad", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff")
"""Invisible characters that pad a preheader."""

_BLOCK, _PARAGRAPH, _BREAK = "\x01", "\x02", "\x03"
_SHOW, _HIDE = "\x04", "\x05"
_BREAKS = re.compile("[\x01\x02\x03]+")


def plain_text(html: str) -> str:
    """The text of an HTML message. Deterministic; ends without a line break."""
    root = LexborHTMLParser(html).body
    sized = _SIZED.search(html.lower()) is not None
    text = "".join(_walk(root, sized)) if root is not None else ""
    for filler in _FILLERS:
        text = text.replace(filler, "")
    text = " ".join(text.split())
    for mark in (_BLOCK, _PARAGRAPH, _BREAK):
        text = text.replace(f" {mark}", mark).replace(f"{mark} ", mark)
    return _BREAKS.sub(_lines, text).strip()


def _lines(run: re.Match[str]) -> str:
    """Nested blocks make one line break; a paragraph or two <br> make an empty line."""
    marks = run[0]
    return "\n\n" if _PARAGRAPH in marks or marks.count(_BREAK) > 1 else "\n"


def _walk(root: LexborNode, sized: bool) -> Iterator[str]:
    """Depth first with our own stack, so that nesting of any depth is harmless. A string on it is written as it is.

    _SHOW and _HIDE on it say whether text is visible from there on: MJML gives every cell size 0, and its text a size
    again. Without `sized` no element has size 0.
    """
    stack: list[LexborNode | str] = [root]
    state = _SHOW
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            if node is _SHOW or node is _HIDE:
                state = node
            else:
                yield node
            continue
        tag = node.tag or ""
        if tag == "-text":
            if state is _SHOW:
                yield node.text_content or ""
        elif tag not in _SKIPPED and (style := _style(node)) is not None:
            before, after = _AROUND.get(tag) or _special(tag, node)
            yield before
            if after:
                stack.append(after)
            if sized and "font-size:" in style and (size := _SIZE.search(style)):
                stack.append(state)
                state = _HIDE if size[1] else _SHOW
            children = list(node.iter(include_text=True))
            children.reverse()
            stack += children


def _style(node: LexborNode) -> str | None:
    """The element's style without blanks; None when nothing within it is shown."""
    attributes = node.attributes
    if "hidden" in attributes:
        return None
    style = attributes.get("style")
    if not style:
        return ""
    plain = f"{style.replace(' ', '').lower()};".replace("0px;", "0;")
    return None if any(rule in plain for rule in _HIDDEN) else plain


_AROUND = {
    **dict.fromkeys(_BLOCKS, (_BLOCK, _BLOCK)),
    **dict.fromkeys(_PARAGRAPHS, (_PARAGRAPH, _PARAGRAPH)),
    **dict.fromkeys(["td", "th"], ("", " ")),
    **dict.fromkeys(["span", "strong", "b", "em", "i", "u", "small", "font"], ("", "")),
    "li": (f"{_BLOCK}- ", _BLOCK),
    "br": (_BREAK, ""),
}
"""What an element adds before and after its content."""


def _special(tag: str, node: LexborNode) -> tuple[str, str]:
    if tag == "img":
        return node.attributes.get("alt") or "", ""
    return "", _link(node) if tag == "a" else ""


def _link(node: LexborNode) -> str:
    target = (node.attributes.get("href") or "").strip()
    if not target or target.startswith("#") or target == node.text(strip=True):
        return ""
    return f" <{target.removeprefix('mailto:')}>"
