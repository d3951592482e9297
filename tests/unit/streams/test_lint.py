"""Every rule of lint.toml finds what it is for, and leaves good mail alone."""

import pytest

from schemas.records import ANY, Template
from streams.lint import CLIP, CLIP_SOON, lint, lint_rules, lint_size, parse_rules

GOOD = """<!DOCTYPE html>
<html lang="en"><head><meta name="viewport" content="width=device-width"><title>{{ t }}</title></head>
<body><p style="font-size:16px">Hello {{ name }}</p><a href="{{ url }}">Read the "letter"</a>
<img src="https://a.example/b.png" alt="A cat" width="20"><a href="https://a.example/">https://a.example/</a></body></html>
"""

BAD = {
    "mjml-left": "<p>a</p><mj-button>b</mj-button>",
    "engine-image": '<img src="https://www.mailjet.com/images/theme/v1/icons/ico-social/x.png" alt="" width="9">',
    "script": "<script>x</script>",
    "event-handler": "<p onclick='x()'>",
    "javascript-link": '<a href="javascript:x()">',
    "frame": "<iframe src='https://a.example'>",
    "base": "<base href='https://a.example'>",
    "meta-refresh": '<meta http-equiv="refresh" content="0">',
    "form": "<form>",
    "media": "<video>",
    "svg": '<img alt="" width=1 src="https://a.example/b.svg">',
    "webp": '<img alt="" width=1 src="https://a.example/b.webp">',
    "external-css": '<link rel="stylesheet" href="https://a.example/b.css">',
    "css-position": '<p style="position: absolute">',
    "css-flex-grid": '<p style="display:flex">',
    "css-variable": '<p style="color:var(--ink)">',
    "css-nesting": "<style>@supports (x:y) {}</style>",
    "background-image": "<p style=\"background:url('https://a.example/b.png')\">",
    "data-image": '<img alt="" width=1 src="data:image/png;base64,AA">',
    "image-alt": '<img src="https://a.example/b.png" width="1">',
    "image-size": '<img src="https://a.example/b.png" alt="">',
    "relative-url": '<a href="/shop">',
    "local-url": '<a href="http://localhost/x">',
    "plain-http": '<a href="http://a.example/x">',
    "address-link": '<a href="https://192.0.2.1/x">',
    "shortener": '<a href="https://bit.ly/x">',
    "empty-link": '<a href="#">',
    "text-link-mismatch": '<a href="https://evil.example/">https://bank.example/</a>',
    "html-bait": "<a>Click here</a>",
    "hidden-text": '<p style="font-size:0;">viagra</p>',
    "tiny-text": '<p style="font-size:8px">',
    "zero-width": "<p>vi\u200bagra</p>",
}
SUBJECTS = {
    "subject-capitals": "BIG SALE NOW",
    "subject-exclamation": "Sale!!",
    "subject-bait": "You have won",
    "subject-fake-reply": "Re: your order",
}
ABSENT = {"no-doctype", "no-language", "no-title", "no-viewport"}


def _template(html: str | None, subject: str = "Your order {{ n }} is on its way") -> Template:
    return Template("t", 0, ANY, subject, None, html, "")


def _ids(template: Template) -> set[str]:
    return {f.id for f in lint(template)}


def test_good_mail_has_no_findings() -> None:
    assert _ids(_template(GOOD)) == set()


@pytest.mark.parametrize("rule", BAD)
def test_each_rule_finds_its_construct(rule: str) -> None:
    assert rule in _ids(_template(GOOD.replace("<body>", f"<body>{BAD[rule]}")))


@pytest.mark.parametrize("rule", SUBJECTS)
def test_each_subject_rule(rule: str) -> None:
    assert _ids(_template(GOOD, SUBJECTS[rule])) == {rule}


def test_what_is_missing_is_found_without_a_line() -> None:
    found = lint(_template("<p>hello</p>"))
    assert {f.id for f in found} == ABSENT
    assert {f.line for f in found} == {None}


def test_every_rule_of_the_table_is_tested_here() -> None:
    assert {r.id for r in lint_rules()} == BAD.keys() | SUBJECTS.keys() | ABSENT
    assert len({r.id for r in lint_rules()}) == len(lint_rules())


def test_a_finding_names_line_and_count_after_template_code_of_several_lines() -> None:
    html = GOOD.replace("<body>", "<body>{# a\nb #}{% for x in\n y %}\n<script></script><script></script>{% endfor %}")
    (finding,) = lint(_template(html))
    assert (finding.id, finding.line, finding.times) == ("script", 6, 2)
    assert str(finding).startswith("error: script: html, line 6 (2 times): ")


def test_template_code_is_not_read_as_html() -> None:
    assert _ids(_template(GOOD.replace("<body>", "<body>{{ '<script>' }}{# <form> #}"))) == set()


def test_a_part_that_is_missing_has_no_findings() -> None:
    assert lint(_template(None)) == ()


def test_c4_32_gmail_clips_above_102_kb() -> None:
    assert [next(lint_size("a" * n)).id for n in (CLIP + 1, CLIP, CLIP_SOON + 1)] == [
        "clipped",
        "nearly-clipped",
        "nearly-clipped",
    ]
    assert list(lint_size("a" * CLIP_SOON)) == list(lint_size(None)) == []
    assert next(lint_size("é" * (CLIP // 2 + 1))).id == "clipped"


@pytest.mark.parametrize("wrong", ["severity='bad'\npart='html'", "severity='note'\npart='x'"])
def test_a_row_that_is_no_rule_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="no rule"):
        parse_rules(f"[[rules]]\nid='a'\npattern='a'\nwhy='a'\n{wrong}")
