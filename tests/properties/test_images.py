"""Whatever a file holds, looking and shrinking end with an answer, never with more octets, and always with the same."""

from hypothesis import given
from hypothesis import strategies as st

from streams.images import ImageError, ImageLimits, shrink
from tests.support.images import SECRET, gif, jpeg, opened, picture, png

FILES = {
    "a.jpg": jpeg((90, 60), turn=6),
    "b.jpg": jpeg((90, 60), quality=15),
    "a.png": png(picture((60, 90), "RGBA")),
    "b.png": png(picture((60, 90), "1")),
    "a.gif": gif(1),
    "b.gif": gif(4),
}


@given(st.sampled_from(sorted(FILES)), st.integers(1, 120), st.integers(1, 95))
def test_shrinking_never_grows_never_tells_and_can_be_repeated(name: str, side: int, quality: int) -> None:
    limits = ImageLimits(side, quality)
    found = shrink(name, FILES[name], limits)
    assert not isinstance(found, ImageError)
    assert len(found.data) <= len(FILES[name])
    assert SECRET.encode() not in found.data
    assert shrink(name, FILES[name], limits) == found
    assert opened(found.data).size == (found.after.width, found.after.height)
    once_more = shrink(name, found.data, limits)
    assert not isinstance(once_more, ImageError)
    assert len(once_more.data) <= len(found.data)


@given(
    st.sampled_from(sorted(FILES)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)), max_size=6),
    st.floats(0, 1),
)
def test_damaged_files_end_with_an_answer(name: str, changes: list[tuple[float, bytes]], end: float) -> None:
    data = bytearray(FILES[name])
    for at, octets in changes:
        place = int(at * len(data))
        data[place : place + len(octets)] = octets
    data = data[: max(1, int(end * len(data)))]
    found = shrink(name, bytes(data))
    assert found.reason if isinstance(found, ImageError) else len(found.data) <= len(data)
