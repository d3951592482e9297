"""Ids that were seen lately."""

from streams.recent import Recent


def test_an_id_is_new_once_until_it_is_forgotten() -> None:
    recent = Recent(["a"], size=2)
    assert [recent.first(i) for i in ("a", "b", "b", "c", "a")] == [False, True, False, True, True]
    assert recent.all() == ["c", "a"]
