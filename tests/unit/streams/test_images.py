"""Images are looked at before they are decoded, and never get larger."""

import pytest

from streams.images import ImageError, ImageLimits, Look, Shrunk, look, shrink
from tests.support.images import SECRET, claimed_png, gif, jpeg, noise, opened, picture, png, saved


def shrunk(name: str, data: bytes, **limits: int) -> Shrunk:
    found = shrink(name, data, ImageLimits(**limits))
    assert isinstance(found, Shrunk), found
    assert len(found.data) <= len(data)
    assert shrink(name, data, ImageLimits(**limits)) == found
    return found


def refused(name: str, data: bytes, **limits: int) -> str:
    found = look(name, data, ImageLimits(**limits))
    assert isinstance(found, ImageError), found
    assert shrink(name, data, ImageLimits(**limits)) == found
    return str(found)


def test_what_a_file_says_about_itself() -> None:
    assert look("a.JPG", jpeg()) == Look("image/jpeg", 64, 48, False, True)
    assert look("a.png", png(picture())) == Look("image/png", 64, 48, False, False)
    assert look("a.gif", gif(3)) == Look("image/gif", 20, 20, True, False)
    assert look("a.gif", gif(1)) == Look("image/gif", 20, 20, False, False)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.webp", b"", "not an image that mail programs show: .png, .jpg, .jpeg, .gif"),
        ("image", b"", "not an image that mail programs show"),
        ("a.png", b"hello", "not a PNG, JPEG or GIF"),
        ("a.png", b"", "not a PNG, JPEG or GIF"),
        ("a.jpg", png(picture()), "its content is PNG, not what its name says"),
    ],
)
def test_what_is_refused(name: str, data: bytes, reason: str) -> None:
    assert refused(name, data).startswith(f"{name}: {reason}")


@pytest.mark.parametrize("side", [8000, 12_000, 100_000])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side: int) -> None:
    assert "decompression bomb" in refused("a.png", claimed_png(side, side))


def test_octets_are_limited() -> None:
    assert refused("a.jpg", jpeg(), octets=100).endswith("octets, above the limit of 100")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(("name", "data"), [("a.jpg", jpeg((300, 200))), ("a.png", png(picture((300, 200))))])
def test_a_broken_image_is_refused(name: str, data: bytes, share: float) -> None:
    found = shrink(name, data[: int(len(data) * share)])
    assert isinstance(found, ImageError)
    assert "broken" in found.reason


def test_a_photo_is_turned_made_smaller_and_says_no_more_where_it_was_taken() -> None:
    found = shrunk("a.jpg", jpeg((300, 200), turn=6), side=150)
    assert (found.before.width, found.before.height, found.before.located) == (300, 200, True)
    assert found.after == Look("image/jpeg", 100, 150, False, False)
    red, green, _ = opened(found.data).convert("RGB").getpixel((95, 5))  # what was at the left, at the top
    assert SECRET.encode() not in found.data
    assert red < 60
    assert green < 60


def test_a_photo_that_cannot_get_smaller_still_loses_its_metadata() -> None:
    data = jpeg((64, 48), turn=6, quality=10)
    found = shrunk("a.jpg", data, quality=95)
    assert SECRET.encode() not in found.data
    assert found.after == Look("image/jpeg", 64, 48, False, False)
    assert opened(found.data).getexif()[0x0112] == 6
    assert opened(found.data).tobytes() == opened(data).tobytes()


def test_alpha_and_every_colour_of_a_png_stay() -> None:
    few = picture((8, 8), "RGBA").resize((200, 160), 0)
    for image in (picture((120, 90), "RGBA"), picture((120, 90)), few, picture(mode="L"), picture(mode="1")):
        found = shrunk("a.png", png(image))
        assert SECRET.encode() not in found.data
        assert opened(found.data).convert("RGBA").tobytes() == image.convert("RGBA").tobytes()
    assert opened(shrunk("a.png", png(few)).data).mode == "P"


def test_alpha_stays_when_a_png_gets_smaller() -> None:
    image = noise((256, 256), "RGBA")
    image.putalpha(picture((256, 256)).getchannel("R"))
    found = shrunk("a.png", png(image), side=64)
    small = opened(found.data)
    assert (small.size, small.mode) == ((64, 64), "RGBA")
    left, right = (small.getchannel("A").getpixel((x, 32)) for x in (2, 61))
    assert (left, right) == (pytest.approx(10, abs=6), pytest.approx(245, abs=6))


@pytest.mark.parametrize("form", ["GIF", "PNG"])
def test_what_moves_stays_as_it_is(form: str) -> None:
    colours = [picture((400, 400)).rotate(i) for i in range(3)]
    data = saved(colours[0], form, save_all=True, append_images=colours[1:], comment=b"kept")
    assert shrunk(f"a.{form.lower()}", data, side=50).data == data


def test_a_gif_that_does_not_move_gets_smaller() -> None:
    found = shrunk("a.gif", gif(1, (300, 300)), side=100)
    assert found.after == Look("image/gif", 100, 100, False, False)


def test_what_cannot_be_encoded_as_well_keeps_its_pixels() -> None:
    deep = picture((40, 40), "L").convert("I").convert("I;16")
    for name, data in (("a.jpg", saved(picture().convert("CMYK"), "JPEG", quality=95)), ("a.png", png(deep))):
        found = shrunk(name, data, side=10)
        assert opened(found.data).tobytes() == opened(data).tobytes()
        assert SECRET.encode() not in found.data
