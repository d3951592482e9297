"""Findings about the images of a template."""

from PIL import Image

from schemas.records import Template, TemplateImage
from streams.image_lint import HEAVY, lint_images
from tests.support.images import exif, noise, picture, png, saved


def found(html: str, *images: TemplateImage) -> list[tuple[str, str]]:
    return [(f.id, f.severity) for f in lint_images(Template("t", 1, html=html, images=images))]


def image(name: str, data: bytes) -> TemplateImage:
    return TemplateImage(name, "image/png", data)


SMALL = image("a.png", png(picture()))


def test_an_image_that_is_shown_and_small_is_fine() -> None:
    assert found('<img src="cid:a.png">', SMALL) == []
    assert found("<p>no images</p>") == []


def test_an_address_without_an_image() -> None:
    assert found("<img src='cid:b.png'><td background=\"cid:b.png\">") == [("image-missing", "warning")]
    assert found('<img src="cid:{{ x }}.png"><img src="cid:a{{ x }}">') == []


def test_an_image_that_is_shown_nowhere() -> None:
    assert found("<p>", SMALL) == [("image-unused", "note")]
    assert found('<img src="cid:{{ x }}.png">', SMALL) == []
    assert found('<img src="cid:{% if x %}a{% endif %}.png">', SMALL) == []


def test_an_image_that_says_where_it_was_taken() -> None:
    data = saved(picture(), "JPEG", exif=exif())
    assert found('"cid:a.jpg"', image("a.jpg", data)) == [("image-place", "warning")]


def test_large_and_heavy_images() -> None:
    assert found('"cid:a.png"', image("a.png", png(Image.new("1", (1201, 1))))) == [("image-large", "note")]
    heavy = saved(noise((260, 260)), "PNG")
    assert len(heavy) > HEAVY
    assert found('"cid:a.png"', image("a.png", heavy)) == [("images-heavy", "note")]
