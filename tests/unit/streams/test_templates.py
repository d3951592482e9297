from schemas.records import Template
from streams.render import Compiled, RenderError
from streams.templates import TemplateTable


def table() -> TemplateTable:
    found = TemplateTable()
    for version in (1, 3, 2):
        found.put(Template("welcome", version, subject=f"v{version}", text="x"))
    found.put(Template("own", 1, tenant="shop", subject="s", text="x"))
    found.put(Template("broken", 1, subject="{{", text="x"))
    return found


def test_a_version_or_the_newest() -> None:
    found = table().find("welcome", 2, "shop")
    assert isinstance(found, Compiled)
    assert found.version == 2
    newest = table().find("welcome", None, "shop")
    assert isinstance(newest, Compiled)
    assert newest.version == 3


def test_each_version_is_compiled_once() -> None:
    templates = table()
    assert templates.find("welcome", 2, "a") is templates.find("welcome", 2, "b")
    before = templates.find("welcome", 2, "a")
    templates.put(Template("welcome", 2, subject="changed", text="x"))
    assert templates.find("welcome", 2, "a") is not before


def test_what_is_not_there_is_named() -> None:
    templates = table()
    assert str(templates.find("nothing", None, "shop")) == "template nothing, template: unknown template"
    assert str(templates.find("welcome", 9, "shop")) == "template welcome@9, template: unknown version"
    assert templates.find("own", 1, "other") == RenderError("own", "template", None, "unknown template")
    assert isinstance(templates.find("own", 1, "shop"), Compiled)


def test_a_broken_template_is_an_error_each_time() -> None:
    templates = table()
    for _ in range(2):
        found = templates.find("broken", None, "shop")
        assert isinstance(found, RenderError)
        assert (found.template, found.part, found.line) == ("broken@1", "subject", 1)


def test_removed_versions_are_gone() -> None:
    templates = table()
    assert templates.versions("welcome") == (1, 2, 3)
    templates.remove("welcome", 3)
    templates.remove("welcome", 8)
    templates.remove("nothing", 1)
    assert templates.versions("welcome") == (1, 2)
    assert [f"{t.id}@{t.version}" for t in templates.all()] == ["broken@1", "own@1", "welcome@1", "welcome@2"]
    for version in (1, 2):
        templates.remove("welcome", version)
    assert isinstance(templates.find("welcome", None, "shop"), RenderError)
