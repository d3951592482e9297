"""What is written is upright, within the limit, and of the same colours."""

import pytest
from PIL import Image, ImageCms

from streams.image_pixels import encoded
from tests.support.images import exif, opened, picture, png, saved


def again(data: bytes, media_type: str, side: int = 1000, quality: int = 80) -> Image.Image:
    found = encoded(opened(data), media_type, side, quality)
    assert found is not None
    return opened(found)


@pytest.mark.parametrize(("size", "wanted"), [((300, 100), (50, 17)), ((100, 300), (17, 50)), ((999, 1), (50, 1))])
def test_the_longest_side_is_limited_and_the_proportions_stay(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert again(png(picture(size)), "image/png", side=50).size == wanted


def test_a_picture_within_the_limit_keeps_its_size() -> None:
    assert again(png(picture((50, 40))), "image/png", side=50).size == (50, 40)


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_jpeg_is_upright_afterwards(turn: int) -> None:
    image = again(saved(picture((60, 40)), "JPEG", exif=exif(turn)), "image/jpeg")
    assert image.size == ((60, 40) if turn < 5 else (40, 60))
    assert not image.getexif()


def test_a_lower_quality_is_a_shorter_jpeg() -> None:
    image = opened(saved(picture((200, 200)), "JPEG", quality=95))
    low, high = (encoded(image, "image/jpeg", 1000, quality) for quality in (20, 90))
    assert low is not None
    assert high is not None
    assert len(low) < len(high)


def test_the_profile_stays() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for form, media_type in (("JPEG", "image/jpeg"), ("PNG", "image/png")):
        assert again(saved(picture(), form, icc_profile=profile), media_type).info["icc_profile"] == profile


def test_a_colour_that_stands_for_transparency_stays_transparent() -> None:
    image = Image.new("RGB", (80, 80), (1, 2, 3))
    image.paste((200, 0, 0), (0, 0, 40, 80))
    for side in (80, 20):
        found = again(saved(image, "PNG", transparency=(1, 2, 3)), "image/png", side).convert("RGBA")
        assert found.getpixel((side - 1, 0)) == (1, 2, 3, 0) or side == 20
        assert found.getpixel((side - 1, 0))[3] == 0  # type: ignore[index]
        assert found.getpixel((0, 0)) == (200, 0, 0, 255)


@pytest.mark.parametrize(("mode", "media_type"), [("CMYK", "image/jpeg"), ("I;16", "image/png")])
def test_what_would_lose_colours_is_not_encoded(mode: str, media_type: str) -> None:
    assert encoded(Image.new(mode, (4, 4)), media_type, 10, 80) is None
