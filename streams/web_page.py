"""The pages of `streampost web` as HTML: no script, nothing from elsewhere, everything escaped, in many languages.

Words are in data/web_pages.toml, the form in data/pages. A page is made from values only; who may see it and what was
done is decided elsewhere (streams/unsubscribe.py).
"""

import base64
import hashlib
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from minijinja import Environment

from streams.unsubscribe import ALL, RESUME, RESUME_ALL, SAVE, STOP, STOP_ALL, Order, State

DEFAULT = "en"
NOTICES = ("invalid", "expired", "unclear", "later")
"""Pages that only say something; their words are NAME_title and NAME."""

_VERBS = {"one-click": "stopped", STOP: "stopped", STOP_ALL: "stopped", RESUME: "resumed", RESUME_ALL: "resumed"}


class About(NamedTuple):
    """Whose page: the tenant's name, the message's list (id, empty for none), and the tenant's lists (id -> name)."""

    sender: str
    list_id: str
    lists: Mapping[str, str]


@cache
def words() -> Mapping[str, Mapping[str, str]]:
    """Language -> name of a text -> the text. Every language has every text."""
    read: dict[str, dict[str, str]] = tomllib.loads(_data("web_pages.toml"))
    return {language: {**read[DEFAULT], **texts} for language, texts in read.items()}


def unsubscribe_page(language: str, about: About, state: State, order: Order | None = None) -> str:
    """The page with the buttons. `order`: what has just been done; None when nothing was (GET)."""
    texts = words()[language]
    names = {"sender": about.sender, "list": about.lists.get(about.list_id, about.list_id)}
    stopped_all, own = bool(state.reasons.get(ALL)), bool(about.list_id and state.reasons.get(about.list_id))
    state_word = "stopped_all" if stopped_all else "stopped_list" if own else ""
    heading = texts[_heading(about, order, state_word)].format_map(names)
    return _page(
        language,
        title=texts["title"],
        sender=about.sender,
        heading=heading,
        done=order is not None,
        lines=[] if state_word or order else [texts["nothing_yet"]],
        buttons=[{"verb": v, "words": texts[w].format_map(names)} for v, w in _buttons(about, stopped_all, own)],
        choose=texts["choose"],
        save=texts["save"],
        lists=[{"id": i, "name": n, "kept": not state.stopped(i)} for i, n in about.lists.items()],
        notes=[texts["note"], *([texts["other"]] if state.other else [])],
    )


def _heading(about: About, order: Order | None, state_word: str) -> str:
    if order is not None and order.verb == SAVE:
        return "saved"
    if order is not None and _VERBS[order.verb] == "resumed" and not state_word:
        return "resumed"
    return state_word or ("ask_list" if about.list_id else "ask_all")


def _buttons(about: About, stopped_all: bool, own: bool) -> list[tuple[str, str]]:
    """Verb and words of each button, the most likely one first."""
    if stopped_all:
        return [(RESUME_ALL, "resume")]
    if own:
        return [(RESUME, "resume"), (STOP_ALL, "stop_all")]
    if about.list_id:
        return [(STOP, "stop_list"), (STOP_ALL, "stop_all")]
    return [(STOP, "stop")]


def notice_page(language: str, name: str, target: str = "") -> str:
    """A page that only says something: one of NOTICES. `target`: where an old link leads, shown and not followed."""
    texts = words()[language]
    title = texts[f"{name}_title"]
    return _page(
        language, title=title, heading=title, lines=[texts[name]], target=target, target_words=texts["leads_to"]
    )


def _page(language: str, **values: Any) -> str:
    texts = words()
    ground = {"lang": language, "dir": texts[language]["dir"], "language": texts[language]["language"]}
    languages = [{"tag": tag, "name": own["name"]} for tag, own in texts.items()]
    blank = dict.fromkeys(("sender", "done", "lines", "buttons", "lists", "notes", "target"))
    page = _environment().render_template("page.html", **{**blank, **ground, "languages": languages, **values})
    return page.replace("&#x2f;", "/")  # minijinja escapes it too, which HTML does not need


@cache
def css() -> str:
    """The one style sheet."""
    return _data("pages/page.css").strip()


@cache
def content_security_policy() -> str:
    """Nothing may be loaded or run, the one style is named by its hash, forms go back here only (CSP level 3)."""
    digest = base64.b64encode(hashlib.sha256(css().encode()).digest()).decode("ascii")
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


@cache
def _environment() -> Environment:
    env = Environment(undefined_behavior="strict", auto_escape_callback=lambda name: True)
    # the style sheet is our own file: it goes in unescaped, and only here
    env.add_template("page.html", _data("pages/page.html").replace("CSS", f"{{% raw %}}{css()}{{% endraw %}}"))
    return env


def _data(name: str) -> str:
    return files("streams").joinpath("data", name).read_text("utf-8")
