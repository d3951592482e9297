"""MJML source -> what the engine gets: MJML elements only, with a mark for all that must come back as it was written.

Marks stand for template code and for the content of elements that hold HTML, which MJML says is not its business. So
the engine sees nothing that it could misread, and the nesting that it sees is bounded.
"""

import re
from collections.abc import Callable

from streams.mjml_marks import Kind, Mark, Piece, Place, WrongError
from streams.mjml_paths import BadPath, beside
from streams.template_code import CODE

MAX_DEPTH = 50
"""Elements within each other. The engine recurses, and some thousands end the process."""

MAX_FILES = 20
"""Files within each other."""

MAX_SOURCE = 1_000_000
"""Characters with everything included."""

HTML_HOLDERS = frozenset(
    {"mj-accordion-text", "mj-accordion-title", "mj-button", "mj-navbar-link", "mj-preview", "mj-raw"}
    | {"mj-social-element", "mj-style", "mj-table", "mj-text", "mj-title"}
)
ELEMENTS = HTML_HOLDERS | {
    *("mjml", "mj-head", "mj-body", "mj-include", "mj-attributes", "mj-all", "mj-class", "mj-breakpoint", "mj-font"),
    *("mj-accordion", "mj-accordion-element", "mj-carousel", "mj-carousel-image", "mj-column", "mj-divider"),
    *("mj-group", "mj-hero", "mj-image", "mj-navbar", "mj-section", "mj-social", "mj-spacer", "mj-wrapper"),
}
_FIXED = frozenset({"mj-accordion", "mj-accordion-element", "mj-attributes", "mj-carousel", "mj-navbar", "mj-social"})
"""Hold nothing but certain elements."""

_FRAMES = frozenset({"mjml", "mj-head", "mj-body"})

_VALUE = rf""""(?:{CODE.pattern}|[^"])*+"|'(?:{CODE.pattern}|[^'])*+'"""
_ATTRIBUTE = re.compile(rf"\s+(?P<key>[\w:-]+)\s*=\s*(?P<value>{_VALUE})", re.DOTALL)
_TOKEN = re.compile(
    rf"(?P<code>{CODE.pattern})|(?P<comment><!--.*?-->)|</(?P<closed>[a-z][\w-]*)\s*>"
    rf"|<(?P<name>[a-z][\w-]*)(?P<attributes>(?:\s+[\w:-]+\s*=\s*(?:{_VALUE}))*+)\s*(?P<empty>/?)>|(?P<text>[^<{{]+|\{{)",
    re.IGNORECASE | re.DOTALL,
)

Read = Callable[[str], str | None]
"""Path within the template's folder -> text of that file, None when there is none."""


class Source:
    """Reads a template's MJML with what it includes. `head`, `body` and the marks are the result."""

    def __init__(self, prefix: str, read: Read, texts: dict[str, str]) -> None:
        self.prefix = prefix
        self.marks: list[Mark] = []
        self.head: list[Piece] = []
        self.body: list[Piece] = []
        self.frames: dict[str, str] = {}
        self.texts = texts
        self._read = read
        self._size = 0
        self._statements = 0
        self._out = self.body
        self._open: list[tuple[str, Place]] = []

    def take(self, file: str, text: str, within: tuple[str, ...] = ()) -> None:
        """Read a file and what it includes. Raises WrongError."""
        self._count(file, text)
        level, at = len(self._open), 0
        while at < len(text):
            found, place = _TOKEN.match(text, at), Place(file, at)
            if found is None:
                raise WrongError(place, "a tag or comment that does not end, or an attribute value without quotes")
            at = self._element(found, place, (*within, file)) if found["name"] else self._other(found, place, level)
        if len(self._open) > level:
            name, place = self._open[-1]
            raise WrongError(place, f"<{name}> is not closed")

    def _other(self, found: re.Match[str], place: Place, level: int) -> int:
        if found["closed"]:
            self._close(found["closed"].lower(), place, level)
        elif found["code"]:
            if not found["code"].startswith("{#"):
                if self._open and self._open[-1][0] in _FIXED:
                    within = self._open[-1][0]
                    raise WrongError(
                        place, f"template code cannot stand directly within <{within}>: write it around that"
                    )
                self._add(f"<mj-raw>{self._mark(found['code'], 'flow', place)}</mj-raw>", place)
        elif found["comment"]:
            if "[if" in found["comment"] or "[endif" in found["comment"]:
                raise WrongError(place, "a conditional comment stands here: write it within mj-raw")
        elif words := found["text"].strip("\ufeff \t\r\n"):
            place = place._replace(at=place.at + found["text"].index(words))
            raise WrongError(place, f"text where only elements may be: {words[:40]!r}")
        return found.end()

    def _element(self, found: re.Match[str], place: Place, within: tuple[str, ...]) -> int:
        name = found["name"].lower()
        if name not in ELEMENTS:
            why = "no element of MJML" if name.startswith("mj") else "HTML stands within mj-text, mj-table or mj-raw"
            raise WrongError(place, f"<{name}>: {why}")
        if name == "mj-include":
            self._include(found, place, within)
            return found.end()
        if not found["empty"] and name not in HTML_HOLDERS:
            if len(self._open) >= MAX_DEPTH:
                raise WrongError(place, f"more than {MAX_DEPTH} elements within each other")
            self._open.append((name, place))
        if name in _FRAMES:
            self._frame(name, found, place)
        elif found["empty"]:
            self._add(f"{self._tag(name, found, place)} />", place)
        elif name in HTML_HOLDERS:
            return self._holder(name, found, place)
        else:
            self._add(f"{self._tag(name, found, place)}>", place)
        return found.end()

    def _tag(self, name: str, found: re.Match[str], place: Place) -> str:
        start = found.start("attributes")

        def attribute(a: re.Match[str]) -> str:
            value = a["value"]
            if not CODE.search(value):
                return a[0]
            default = any(opened == "mj-attributes" for opened, _ in self._open)
            kind: Kind = "default" if default else "head" if self._out is self.head else "attribute"
            mark = self._mark(value[1:-1], kind, Place(place.file, start + a.start("value")))
            return f" {a['key']}={value[0]}{mark}{value[0]}"

        return f"<{name}{_ATTRIBUTE.sub(attribute, found['attributes'])}"

    def _frame(self, name: str, found: re.Match[str], place: Place) -> None:
        """<mjml>, <mj-head> and <mj-body> are written once, with the attributes of the template's own file."""
        if name not in self.frames:
            self.frames[name] = self._tag(name, found, place)
        if name == "mj-head" and not found["empty"]:
            self._out = self.head
        elif name == "mj-body":
            self._out = self.body

    def _holder(self, name: str, found: re.Match[str], place: Place) -> int:
        tag = self._tag(name, found, place)
        end = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(found.string, found.end())
        if end is None:
            raise WrongError(place, f"<{name}> is not closed")
        content = found.string[found.end() : end.start()]
        kind: Kind = "head" if self._out is self.head else "flow"
        inner = self._mark(content, kind, Place(place.file, found.end())) if content.strip() else content
        self._add(f"{tag}>{inner}</{name}>", place)
        return end.end()

    def _close(self, name: str, place: Place, level: int) -> None:
        if name == "mj-include":
            return
        if len(self._open) <= level or self._open[-1][0] != name:
            wanted = f", <{self._open[-1][0]}> is open" if len(self._open) > level else ""
            raise WrongError(place, f"</{name}> closes nothing{wanted}")
        self._open.pop()
        if name == "mj-head":
            self._out = self.body
        if name not in _FRAMES:
            self._add(f"</{name}>", place)

    def _include(self, found: re.Match[str], place: Place, within: tuple[str, ...]) -> None:
        options = {a["key"].lower(): a["value"][1:-1] for a in _ATTRIBUTE.finditer(found["attributes"])}
        path = beside(place.file, options.get("path", ""))
        if isinstance(path, BadPath):
            raise WrongError(place, f"mj-include: {path.reason}")
        if path in within:
            raise WrongError(place, f"mj-include: {path} includes itself")
        if len(within) >= MAX_FILES:
            raise WrongError(place, f"mj-include: more than {MAX_FILES} files within each other")
        text = self._read(path)
        if text is None:
            raise WrongError(place, f"mj-include: there is no file {path} in the template's folder")
        kind, out = options.get("type", "mjml"), self._out
        if kind == "mjml":
            self.take(path, text, within)
        elif kind == "html":
            self._add(f"<mj-raw>{self._mark(text, 'flow', Place(path, 0))}</mj-raw>", place)
        elif kind == "css":
            self.head.append(Piece(f"<mj-style>{self._mark(text, 'head', Place(path, 0))}</mj-style>", place))
        else:
            raise WrongError(place, f"mj-include: type {kind!r} is not mjml, html or css")
        if kind != "mjml":
            self._count(path, text)
        self._out = out

    def _count(self, file: str, text: str) -> None:
        self.texts[file] = text
        self._size += len(text)
        if self._size > MAX_SOURCE:
            raise WrongError(Place(file, 0), f"more than {MAX_SOURCE} characters with what is included")

    def _mark(self, text: str, kind: Kind, place: Place) -> str:
        self.marks.append(Mark(text, kind, place, self._statements))
        if kind == "flow" and "{%" in text:
            self._statements += 1
        return f"{self.prefix}{len(self.marks) - 1}z"

    def _add(self, text: str, place: Place) -> None:
        self._out.append(Piece(text, place))
