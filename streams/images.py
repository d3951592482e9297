"""Images of a template: what they are, and the same in fewer octets. Pure: octets in, octets out, always the same.

look(name, data)                # Look | ImageError; no pixel is decoded
shrink(name, data, limits)      # Shrunk | ImageError
"""

import io
import struct
import warnings
import zlib
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from streams.image_metadata import orientation, stripped
from streams.image_pixels import encoded

MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif"}
"""What every mail program shows; SVG, WebP and AVIF are not."""

_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF"}
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error)
"""What Pillow's readers raise for files that are not as they should be."""


class ImageLimits(NamedTuple):
    """`side`: longest side after shrinking, in pixels. `quality`: that of JPEG, 1 to 95. An image with more `pixels` or
    `octets` than that is refused before it is decoded.
    """

    side: int = 1200
    quality: int = 80
    pixels: int = 40_000_000
    octets: int = 10_000_000


class ImageError(NamedTuple):
    """Why the file cannot be used."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


class Look(NamedTuple):
    """An image: its media type, size in pixels, whether it moves, whether it says where it was taken."""

    media_type: str
    width: int
    height: int
    animated: bool
    located: bool


class Shrunk(NamedTuple):
    """The image to be used and what it was; `data` is never longer than what it was made of."""

    data: bytes
    before: Look
    after: Look


_LIMITS = ImageLimits()
_GPS = 0x8825


def look(name: str, data: bytes, limits: ImageLimits = _LIMITS) -> Look | ImageError:
    """What the file says about itself, by its content; its name must agree."""
    wanted = MEDIA_TYPES.get(_suffix(name))
    if wanted is None:
        return ImageError(name, f"not an image that mail programs show: {', '.join(MEDIA_TYPES)}")
    if len(data) > limits.octets:
        return ImageError(name, f"{len(data)} octets, above the limit of {limits.octets}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            with Image.open(io.BytesIO(data), formats=tuple(_FORMATS.values())) as image:
                return _look(name, image, wanted, limits)
    except Image.DecompressionBombError as e:
        return ImageError(name, f"a decompression bomb: {e}")
    except UnidentifiedImageError:
        return ImageError(name, "not a PNG, JPEG or GIF")
    except _BROKEN as e:
        return ImageError(name, f"broken: {e}")


def _look(name: str, image: Image.Image, wanted: str, limits: ImageLimits) -> Look | ImageError:
    found = "JPEG" if image.format == "MPO" else image.format
    if found != _FORMATS[wanted]:
        return ImageError(name, f"its content is {found}, not what its name says")
    width, height = image.size
    if width * height > limits.pixels:
        return ImageError(name, f"{width} x {height} pixels, above the limit of {limits.pixels}: a decompression bomb?")
    animated = found != "JPEG" and getattr(image, "n_frames", 1) > 1
    return Look(wanted, width, height, animated, _GPS in image.getexif())


def shrink(name: str, data: bytes, limits: ImageLimits = _LIMITS) -> Shrunk | ImageError:
    """Without metadata, no larger than the limit, encoded anew where that is shorter. What moves stays as it is."""
    before = look(name, data, limits)
    if isinstance(before, ImageError):
        return before
    if before.animated:
        return Shrunk(data, before, before)
    try:
        with Image.open(io.BytesIO(data), formats=tuple(_FORMATS.values())) as image:
            bare = stripped(before.media_type, data, orientation(image))
            again = encoded(image, before.media_type, limits.side, limits.quality)
    except _BROKEN as e:
        return ImageError(name, f"broken: {e}")
    best = min((bare, again) if again is not None else (bare,), key=len)
    after = look(name, best, limits)
    return after if isinstance(after, ImageError) else Shrunk(best, before, after)


def _suffix(name: str) -> str:
    return name[name.rfind(".") :].lower() if "." in name else ""
