"""Metadata goes, the picture stays to the last octet."""

import pytest
from PIL import Image, ImageCms

from streams.image_metadata import orientation, stripped
from tests.support.images import SECRET, exif, jpeg, opened, picture, png, saved

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("turn", [1, 3, 8])
@pytest.mark.parametrize("progressive", [True, False])
def test_of_a_jpeg_only_orientation_and_profile_stay(turn: int, progressive: bool) -> None:
    data = saved(
        picture((200, 150)),
        "JPEG",
        exif=exif(turn),
        comment=SECRET,
        icc_profile=PROFILE,
        progressive=progressive,
        xmp=SECRET.encode(),
        restart_marker_rows=1,
    )
    bare = stripped("image/jpeg", data, turn)
    image = opened(bare)
    assert SECRET.encode() not in bare
    assert len(bare) < len(data)
    assert image.tobytes() == opened(data).tobytes()
    assert image.info["icc_profile"] == PROFILE
    assert dict(image.getexif()) == ({} if turn == 1 else {0x0112: turn})
    assert stripped("image/jpeg", bare, turn) == bare


def test_further_pictures_of_a_phone_go() -> None:
    first = jpeg()
    data = saved(picture(), "MPO", save_all=True, append_images=[picture().rotate(90)])
    assert len(stripped("image/jpeg", data)) < len(data) * 0.7
    assert stripped("image/jpeg", first + first) == stripped("image/jpeg", first)


def test_of_a_png_text_and_exif_go() -> None:
    data = png(picture(), exif=exif(6), icc_profile=PROFILE)
    bare = stripped("image/png", data + b"more")
    assert SECRET.encode() not in bare
    assert opened(bare).tobytes() == opened(data).tobytes()
    assert opened(bare).info["icc_profile"] == PROFILE


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png"])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.99])
def test_a_file_without_its_end_is_an_error(media_type: str, share: float) -> None:
    data = jpeg() if media_type == "image/jpeg" else png(picture())
    with pytest.raises(ValueError, match=r"JPEG|PNG"):
        stripped(media_type, data[: int(len(data) * share)])


def test_a_gif_is_left_alone() -> None:
    assert stripped("image/gif", b"GIF89a...") == b"GIF89a..."


@pytest.mark.parametrize("said", [1, 6, 9, "x"])
def test_an_orientation_that_is_none_is_upright(said: int | str) -> None:
    image = Image.new("L", (1, 1))
    image.getexif()[0x0112] = said
    assert orientation(image) == (said if said in {1, 6} else 1)
