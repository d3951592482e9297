"""HTML -> the plain text part: paragraphs, lists, links as `text <url>`, images by their alt text, nothing hidden."""

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

_SKIPPED = frozenset(
    {"head", "style", "script", "title", "template", "noscript", "svg", "object", "iframe", "select", "button"}
)
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "center", "div", "dl", "dt", "dd", "fieldset", "figure", "footer"}
    | {"form", "header", "hr", "li", "main", "nav", "ol", "section", "table", "tbody", "thead", "tfoot", "tr", "ul"}
)
_PARAGRAPHS = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "pre"])
_CELLS = frozenset({"td", "th"})
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|(?:max-height|font-size|opacity)\s*:\s*0(?:px)?\s*(?:;|$)"
)
_SPACE = re.compile(r"[^\S\xa0]+")
_FILLER = re.compile("[\u034f\u00ad\u200b\u200c\u200d\u2060\ufeff]")  # what hides behind a preheader

_BLOCK, _PARAGRAPH, _BREAK = "\x01", "\x02", "\x03"
_BREAKS = re.compile(" *[\x01\x02\x03][ \x01\x02\x03]*")


def plain_text(html: str) -> str:
    """The text of an HTML message. Deterministic; ends without a line break."""
    root = LexborHTMLParser(html).body
    pieces = "".join(_walk(root)) if root is not None else ""
    text = re.sub(" {2,}", " ", _FILLER.sub("", pieces))
    return _BREAKS.sub(_lines, text).replace("\xa0", " ").strip()


def _lines(run: re.Match[str]) -> str:
    """Nested blocks make one line break; a paragraph or two <br> make an empty line."""
    marks = run[0]
    return "\n\n" if _PARAGRAPH in marks or marks.count(_BREAK) > 1 else "\n"


def _walk(root: LexborNode) -> Iterator[str]:
    """Depth first with our own stack, so that nesting of any depth is harmless. A string on it is written as it is."""
    stack: list[LexborNode | str] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
        elif node.is_text_node:
            yield _SPACE.sub(" ", node.text_content or "")
        elif node.tag in _SKIPPED or _hidden(node):
            continue
        else:
            before, after = _around(node)
            if before:
                yield before
            if after:
                stack.append(after)
            stack.extend(reversed(list(node.iter(include_text=True))))


def _hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    if "hidden" in attributes:
        return True
    style = attributes.get("style")
    return style is not None and _HIDDEN.search(style.lower()) is not None


def _around(node: LexborNode) -> tuple[str, str]:
    """What an element adds before and after its content."""
    tag = node.tag
    if tag in _PARAGRAPHS:
        return _PARAGRAPH, _PARAGRAPH
    if tag == "li":
        return f"{_BLOCK}- ", _BLOCK
    if tag in _BLOCKS:
        return _BLOCK, _BLOCK
    if tag in _CELLS:
        return "", " "
    if tag == "br":
        return _BREAK, ""
    if tag == "img":
        return _SPACE.sub(" ", node.attributes.get("alt") or ""), ""
    return "", _link(node) if tag == "a" else ""


def _link(node: LexborNode) -> str:
    target = (node.attributes.get("href") or "").strip()
    if not target or target.startswith("#") or target == node.text(strip=True):
        return ""
    return f" <{target.removeprefix('mailto:')}>"
