"""Images made for a test."""

import io
import random
import struct
import zlib
from typing import Any

from PIL import Image, PngImagePlugin

SECRET = "Taken with a SecretCam"


def exif(turn: int = 1) -> Image.Exif:
    """With a camera, a place and how the picture is to be turned."""
    found = Image.Exif()
    found[0x0112] = turn
    found[0x010F] = SECRET
    found[0x8825] = {1: "N", 2: (52.0, 22.0, 30.0)}
    return found


def picture(size: tuple[int, int] = (64, 48), mode: str = "RGB") -> Image.Image:
    """Many colours, always the same: red grows to the right, green downwards; alpha too where the mode has it."""
    across = Image.linear_gradient("L").rotate(90).resize(size)
    down = Image.linear_gradient("L").resize(size)
    bands = {"RGB": [across, down, across], "RGBA": [across, down, across, down]}
    return Image.merge(mode, bands[mode]) if mode in bands else across.convert(mode)


def noise(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """What no encoding makes small, always the same."""
    width, height = size
    return Image.frombytes(mode, size, random.Random(1).randbytes(width * height * len(mode)))


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    """The octets of a file in this form."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def jpeg(size: tuple[int, int] = (64, 48), turn: int = 1, quality: int = 95) -> bytes:
    """A photo with all that a camera says about it."""
    return saved(picture(size), "JPEG", quality=quality, exif=exif(turn), comment=SECRET.encode())


def png(image: Image.Image, **options: Any) -> bytes:
    """A PNG with text in it, compressed badly."""
    words = PngImagePlugin.PngInfo()
    words.add_text("Comment", SECRET)
    return saved(image, "PNG", pnginfo=words, compress_level=1, **options)


def gif(frames: int, size: tuple[int, int] = (20, 20)) -> bytes:
    """Moves when it has more than one frame."""
    colours = [Image.new("RGB", size, (i * 40, 0, 0)) for i in range(frames)]
    return saved(colours[0], "GIF", save_all=True, append_images=colours[1:])


def claimed_png(width: int, height: int) -> bytes:
    """A small file that claims to be a picture of this size."""
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", zlib.compress(bytes(100_000))) + _chunk(b"IEND", b"")


def opened(data: bytes) -> Image.Image:
    """Decoded."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
