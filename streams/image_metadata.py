"""What a file says beside its picture (place, camera, comments) taken out, without touching the picture."""

import struct
from collections.abc import Iterator

from PIL import Image

_ORIENTATION = 0x0112
_PNG_SPOKEN = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME"})


def orientation(image: Image.Image) -> int:
    """How the picture is to be turned, 1 to 8 (TIFF 6.0); 1 when the file does not say."""
    found = image.getexif().get(_ORIENTATION, 1)
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def stripped(media_type: str, data: bytes, turn: int = 1) -> bytes:
    """The file without metadata; colour profiles and, of JPEG, the orientation stay. Raises ValueError when broken."""
    if media_type == "image/jpeg":
        return b"".join(_jpeg(data, turn))
    if media_type == "image/png":
        return b"".join(_png(data))
    return data


def _jpeg(data: bytes, turn: int) -> Iterator[bytes]:
    """Marker segments (ITU T.81 B.1.1.4) but comments and applications', JFIF, profile and Adobe's colours excepted."""
    yield data[:2]
    at, turned = 2, turn == 1
    while (marker := data[at + 1 : at + 2]) != b"\xd9":
        if data[at : at + 1] != b"\xff" or at + 4 > len(data):
            raise ValueError(f"no JPEG segment at octet {at}")
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        head = data[at + 4 : at + 16]
        if marker == b"\xda":
            end = _after_scan(data, end)
        if marker == b"\xe1" and head.startswith(b"Exif") and not turned:
            yield _exif(turn)
            turned = True
        elif not (b"\xe0" <= marker <= b"\xef" or marker == b"\xfe") or _keeps(marker, head):
            yield data[at:end]
        at = end
    yield b"\xff\xd9"  # what follows the end is other pictures of a phone


def _keeps(marker: bytes, head: bytes) -> bool:
    return marker in {b"\xe0", b"\xee"} or (marker == b"\xe2" and head.startswith(b"ICC_PROFILE"))


def _after_scan(data: bytes, at: int) -> int:
    """Where the next marker is: in a scan 0xFF is followed by 0, or is a restart (B.1.1.5)."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise ValueError("a JPEG without its end")
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2


def _exif(turn: int) -> bytes:
    """An Exif segment that says the orientation and nothing else (TIFF 6.0 section 2)."""
    tiff = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, _ORIENTATION, 3, 1, turn, 0, 0)
    return struct.pack(">HH6s", 0xFFE1, len(tiff) + 8, b"Exif\0\0") + tiff


def _png(data: bytes) -> Iterator[bytes]:
    """Chunks (W3C PNG section 5.3) up to IEND, without those that hold text, times and Exif."""
    yield data[:8]
    at = 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        if end > len(data):
            break
        kind = data[at + 4 : at + 8]
        if kind not in _PNG_SPOKEN:
            yield data[at:end]
        if kind == b"IEND":
            return
        at = end
    raise ValueError("a PNG without its end")
