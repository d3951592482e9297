"""Laws of what comes over HTTP: any input is answered, nothing but what was written is accepted, HTML stays HTML."""

import re

from hypothesis import given
from hypothesis import strategies as st

from streams.languages import best_language
from streams.render import Rendered
from streams.token_keys import parse_keys
from streams.tracking import Asked, tracked, web_target
from streams.unsubscribe import ALL, VERBS, Order, State, changes, order_of
from streams.web_tokens import WebTrace, prepare, read

KEYS = parse_keys("1:" + "11" * 32)
BASE = "https://go.shop.example"
TRACE = WebTrace(
    "click", "shop", "bulk", "6f1b3a52-5d0c-4f2e-9d53-0c6f1e5b8a11", "0f" * 16, "a", "c", "harbour.test", 3, 20_400
)
PIECES = st.sampled_from(
    ["<a ", "<A\n", "<v:rect ", "href=", 'href="', "HREF='", "https://a.example/?a=1&amp;b=ü", "http://b.example", '"',
     "'", ">", "<", "</a>", "<!--", "-->", "mailto:x@y.example", " ", "/", "=", "data-track=off", "text", "</body>"]
)  # fmt: skip
HTML = st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=40).map("".join)
LISTS = st.sampled_from([ALL, "a", "b"])
REASONS = st.sampled_from(["", "unsubscribe", "complaint"])


@given(HTML)
def test_only_urls_change(html: str) -> None:
    found = tracked(Rendered("s", None, html), Asked(BASE, prepare(TRACE, KEYS), "", False, True)).html or ""
    tokens = re.findall(rf'"{re.escape(BASE)}/c/([\w-]+)"', found)
    rest = re.split(rf'"{re.escape(BASE)}/c/[\w-]+"', found)
    # what stands between the new URLs is there in the old text, in this order
    at = 0
    for piece in rest:
        at = html.index(piece, at) + len(piece)
    for token in tokens:
        trace = read(token, KEYS, 0)
        assert isinstance(trace, WebTrace)
        assert web_target(trace.link) == trace.link


@given(st.text(max_size=200))
def test_a_target_is_safe_in_a_header_and_stable(link: str) -> None:
    target = web_target(link)
    assert target.isascii()
    assert not re.search(r"[\x00-\x20\x7f]", target)
    assert web_target(target) == target


@given(st.text(max_size=80), st.binary(max_size=300))
def test_any_body_is_read(content_type: str, body: bytes) -> None:
    for kind in (content_type, "multipart/form-data; boundary=x", f"multipart/form-data; boundary={content_type}"):
        found = order_of(kind, body)
        assert found is None or found.verb in {"one-click", *VERBS}


@given(
    st.sampled_from([*VERBS, "one-click"]),
    st.frozensets(LISTS),
    st.frozensets(LISTS),
    st.sampled_from(["list", "all"]),
    st.fixed_dictionaries({ALL: REASONS, "a": REASONS, "b": REASONS}),
)
def test_what_somebody_else_stopped_is_never_touched(
    verb: str, shown: frozenset[str], kept: frozenset[str], mode: str, reasons: dict[str, str]
) -> None:
    for change in changes(Order(verb, shown, kept & shown), TRACE, mode, State(reasons)):
        assert reasons[change.list_id] != "complaint"
        assert change.stop or reasons[change.list_id] == "unsubscribe"


@given(st.text(max_size=200))
def test_any_language_header_is_answered(accept: str) -> None:
    assert best_language(accept, ("en", "de"), "en") in {"en", "de"}
