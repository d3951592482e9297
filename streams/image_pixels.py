"""A picture in fewer octets: smaller, upright, and encoded anew by Pillow."""

import io
from typing import Any

from PIL import Image, ImageOps

_MODES = {
    "image/jpeg": frozenset({"L", "RGB"}),
    "image/png": frozenset({"1", "L", "LA", "P", "RGB", "RGBA"}),
    "image/gif": frozenset({"L", "P", "RGB", "RGBA"}),
}
"""What can be encoded anew without loss of colour: not CMYK, not 16 bits."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "image/jpeg": {"format": "JPEG", "optimize": True, "progressive": True},
    "image/png": {"format": "PNG", "optimize": True},
    "image/gif": {"format": "GIF", "optimize": True},
}
_KEPT = frozenset({"transparency", "icc_profile"})


def encoded(image: Image.Image, media_type: str, side: int, quality: int) -> bytes | None:
    """The picture with no side longer than `side` and without metadata; None when it cannot be encoded as well.

    `quality` is that of JPEG. Raises OSError or ValueError when it is broken.
    """
    if image.mode not in _MODES[media_type]:
        return None
    image.load()
    picture = ImageOps.exif_transpose(image) if media_type == "image/jpeg" else image.copy()
    picture.info = {key: value for key, value in picture.info.items() if key in _KEPT}
    picture = _palette(_within(picture, side), media_type)
    out = io.BytesIO()
    own: dict[str, Any] = {"quality": quality} if media_type == "image/jpeg" else {}
    picture.save(out, **_OPTIONS[media_type], **own, icc_profile=picture.info.get("icc_profile"))
    return out.getvalue()


def _within(picture: Image.Image, side: int) -> Image.Image:
    longest = max(picture.size)
    if longest <= side:
        return picture
    width, height = (max(1, round(length * side / longest)) for length in picture.size)
    return _full(picture).resize((width, height), Image.Resampling.LANCZOS)


def _full(picture: Image.Image) -> Image.Image:
    """Every pixel with its own colour and alpha: what can be resized."""
    if "transparency" in picture.info:
        return picture.convert("RGBA")
    return picture.convert("RGB") if picture.mode in {"1", "P"} else picture


def _palette(picture: Image.Image, media_type: str) -> Image.Image:
    """A PNG of at most 256 colours is written with a palette, which says exactly the same."""
    if media_type != "image/png" or picture.mode not in {"RGB", "RGBA"} or "transparency" in picture.info:
        return picture
    if picture.getcolors(256) is None:
        return picture
    octets = picture.convert("RGBA").tobytes()
    pixels = [octets[i : i + 4] for i in range(0, len(octets), 4)]
    # opaque ones last, so that only the others need an alpha in the file
    found = sorted(set(pixels), key=lambda colour: (colour[3], colour))
    numbers = {colour: number for number, colour in enumerate(found)}
    small = Image.frombytes("P", picture.size, bytes([numbers[pixel] for pixel in pixels]))
    small.putpalette(b"".join(colour[:3] for colour in found))
    small.info = dict(picture.info)
    if alphas := bytes([colour[3] for colour in found if colour[3] < 255]):
        small.info["transparency"] = alphas
    return small
