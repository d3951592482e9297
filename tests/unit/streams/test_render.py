import pytest

from schemas.records import Template, TemplateImage
from streams.render import (
    Compiled,
    Rendered,
    RenderError,
    RenderLimits,
    check_template,
    compile_template,
    inline,
    render,
)

SMALL = RenderLimits(fuel=20_000, output=10_000)


def compiled(limits: RenderLimits = SMALL, **fields: str) -> Compiled:
    found = compile_template(Template("hello", 3, **{"subject": "Hi", "text": "Hi", **fields}), limits)
    assert isinstance(found, Compiled), found
    return found


def rendered(variables: dict[str, object], **fields: str) -> Rendered:
    found = render(compiled(**fields), variables)
    assert isinstance(found, Rendered), found
    return found


def error(variables: dict[str, object], **fields: str) -> RenderError:
    found = render(compiled(**fields), variables)
    assert isinstance(found, RenderError), found
    return found


def test_only_html_is_escaped() -> None:
    found = rendered({"n": "<A&B>"}, subject="Hi {{ n }}", text="{{ n }}", html="<p>{{ n }}</p>")
    assert found == Rendered("Hi <A&B>", "<A&B>", "<p>&lt;A&amp;B&gt;</p>")


def test_text_is_made_from_html_when_absent() -> None:
    found = compile_template(Template("t", 1, subject="s", html="<p>Hi <a href='https://a.test/{{ n }}'>you</a></p>"))
    assert isinstance(found, Compiled)
    assert render(found, {"n": 7}) == Rendered(
        "s", "Hi you <https://a.test/7>", "<p>Hi <a href='https://a.test/7'>you</a></p>"
    )


def test_urls_stay_readable_in_html() -> None:
    html = rendered({"u": "https://a.test/?x=1&y=2"}, html='<a href="{{ u }}">x</a>').html
    assert html == '<a href="https://a.test/?x=1&amp;y=2">x</a>'


@pytest.mark.parametrize(
    ("part", "source", "line", "name"),
    [
        ("subject", "Hi {{ n }}", 1, "`n`"),
        ("text", "a\nb\n{{ user.name }}", 3, "`user.name`"),
        ("html", "<p>\n{% if flag %}x{% endif %}</p>", 2, "`flag`"),
        ("text", "\n{{ items[3] }}", 2, ""),
    ],
)
def test_a_missing_variable_is_an_error_that_says_where(part: str, source: str, line: int, name: str) -> None:
    found = error({"user": {}, "items": []}, **{part: source})
    assert (found.template, found.part, found.line) == ("hello@3", part, line)
    assert found.reason.startswith("missing variable")
    assert name in found.reason
    assert str(found).startswith(f"template hello@3, {part}, line {line}: missing variable")


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}",
        "{{ 'x' * 100000000 }}",
        "{% set n = namespace(s='xxxxxxxxx') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}",
        "{% for i in range(9999) %}{{ big }}{% endfor %}",
        "{% macro f(n) %}{{ f(n + 1) }}{{ f(n + 2) }}{% endmacro %}{{ f(1) }}",
        "{{ range(100000000)|list }}",
    ],
)
def test_a_template_that_loops_or_explodes_is_stopped(source: str) -> None:
    found = error({"big": "x" * 5000}, text=source)
    assert found.part == "text"
    assert found.reason


def test_output_is_limited() -> None:
    assert error({"big": "x" * 10_001}, text="{{ big }}").reason == "10001 characters, above the limit of 10000"


@pytest.mark.parametrize("value", ["a\r\nBcc: x@y.test", "a\nb", "a\rb", "a\0b"])
def test_c4_29_a_subject_of_several_lines_is_refused(value: str) -> None:
    found = error({"n": value}, subject="Hi {{ n }} there")
    assert (found.part, found.reason) == ("subject", "holds a line break or NUL; a subject is one line")


def test_an_empty_or_endless_subject_is_refused() -> None:
    assert error({"n": " "}, subject="{{ n }}").reason == "empty"
    assert error({"n": "x" * 999}, subject="{{ n }}").reason == "999 characters, above the limit of 998"


def test_preheader_comes_first_in_the_body_unless_the_template_places_it() -> None:
    html = rendered({"n": "<x>"}, preheader="pre {{ n }}", html="<html><body class='a'><p>Hi</p></body></html>").html
    assert html is not None
    assert "<body class='a'><div style=\"display:none" in html
    assert ">pre &lt;x&gt;</div><p>Hi</p>" in html
    assert rendered({}, preheader="pre", html="<p>{{ preheader }}</p>").html == "<p>pre</p>"
    assert rendered({}, html="<p>{{ preheader }}</p>").html == "<p></p>"
    assert (rendered({}, preheader="pre", html="<p>x</p>").html or "").endswith(">pre</div><p>x</p>")


@pytest.mark.parametrize(
    "source", ["{% include 'other' %}", "{% extends 'other' %}", "{% import 'other' as o %}{{ o }}"]
)
def test_templates_do_not_see_each_other(source: str) -> None:
    assert error({}, text=source).reason.startswith("include, import and extends are not available")


def test_syntax_errors_name_part_and_line() -> None:
    found = check_template(Template("hello", 3, subject="{{ a b }}", text="ok\n\n{% if %}", html="{{ fine }}"))
    assert [(e.part, e.line) for e in found] == [("subject", 1), ("text", 3)]
    assert all(e.template == "hello@3" and e.reason for e in found)
    first = compile_template(Template("hello", 3, subject="{{ a b }}", text="x"))
    assert first == found[0]


def test_a_template_without_subject_or_body_is_refused() -> None:
    assert [(e.part, e.reason) for e in check_template(Template("hello", 1))] == [
        ("text", "neither text nor html"),
        ("subject", "empty"),
    ]
    long = check_template(Template("hello", 1, subject="s", text="x" * 11), RenderLimits(source=10))
    assert [(e.part, e.reason) for e in long] == [("text", "11 characters, above the limit of 10")]


@pytest.mark.parametrize("source", ["{{ n|nofilter }}", "{{ 1 / 0 }}", "{{ n.upper.x() }}", "{{ debug() }}"])
def test_other_errors_are_values_too(source: str) -> None:
    assert error({"n": "x"}, text=source).line == 1


def test_variables_keep_their_json_types() -> None:
    variables = {"a": None, "b": 1.5, "c": True, "d": [1, "x"], "e": {"f": "é"}}
    assert rendered(variables, text="{{ a }} {{ b }} {{ c }} {{ d[1] }} {{ e.f }}").text == "None 1.5 True x é"


def test_odd_values_are_harmless() -> None:
    assert rendered({"n": "\ud800", "self": 1, "a b": 2, "": 3}, text="{{ n|length > 0 }}").text == "True"
    assert rendered({"n": 2**80}, text="{{ n }}").text == str(2**80)


def test_inline_content_is_not_a_template() -> None:
    assert inline("{{ x }}", None, "<p>{{ y }}</p>") == Rendered("{{ x }}", "{{ y }}", "<p>{{ y }}</p>")
    assert inline("s", "t", None) == Rendered("s", "t", None)


def images(*names: str) -> tuple[TemplateImage, ...]:
    return tuple(TemplateImage(name, "image/png", b"x") for name in names)


def test_a_message_has_the_images_that_its_html_shows() -> None:
    html = '<img src="cid:a.png">{% if vip %}<img src="cid:{{ own }}">{% endif %}'
    found = compile_template(Template("t", 1, subject="s", html=html, images=images("a.png", "b.png", "c.png")))
    assert isinstance(found, Compiled)
    for vip, shown in ((False, ["a.png"]), (True, ["a.png", "c.png"])):
        made = render(found, {"vip": vip, "own": "c.png"})
        assert isinstance(made, Rendered)
        assert [i.content_id for i in made.images] == shown
        # the part is the one that was encoded when the version was compiled
        assert all(any(i is own for own in found.images) for i in made.images)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (TemplateImage("a b.png", "image/png", b"x"), "images[0].content_id: 'a b.png' is not a content id"),
        (TemplateImage("a.png", "image", b"x"), "images[0].content_type: 'image' is not a media type"),
        (TemplateImage("a.png", "image/png", bytes(101)), "images[0]: 101 octets, above the limit of 100"),
    ],
)
def test_a_wrong_image_is_an_error_of_the_template(image: TemplateImage, reason: str) -> None:
    found = check_template(Template("t", 1, subject="s", text="x", images=(image,)), RenderLimits(image=100))
    assert len(found) == 1
    assert str(found[0]).startswith(f"template t@1, images: {reason}")
    twice = check_template(Template("t", 1, subject="s", text="x", images=images("a.png", "a.png")))
    assert "given twice" in str(twice[0])
