"""Finds which of a thousand phrases can stand in a text without looking for each: an index over pairs of four letters.

Each phrase is filed under two neighbouring four-letter pieces of itself, so that looking at every second position of
the text meets one of them. What the index proposes is still compared; what it does not propose cannot be there.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise

GRAM = 4
STRIDE = 2

Filed = tuple[tuple[str, ...], int]


class PhraseIndex:
    """Immutable after construction. A phrase is a tuple of pieces that must follow one another."""

    __slots__ = ("_index", "_short")

    def __init__(self, phrases: Iterable[Filed]) -> None:
        """`phrases`: each with the number of the rule that it belongs to."""
        filed = list(phrases)
        common = Counter(gram for pieces, _ in filed for gram in _grams(max(pieces, key=len)))
        index: dict[str, list[Filed]] = {}
        short: list[Filed] = []
        for phrase in filed:
            grams = _grams(max(phrase[0], key=len))
            pairs = list(pairwise(grams))
            if not pairs:
                short.append(phrase)
                continue
            for gram in min(pairs, key=lambda pair: common[pair[0]] + common[pair[1]]):
                index.setdefault(gram, []).append(phrase)
        self._index: Mapping[str, list[Filed]] = index
        self._short = short

    def owners(self, text: str) -> set[int]:
        """Numbers of the rules of which a phrase is in the text."""
        index = self._index
        found = {owner for pieces, owner in self._short if in_order(pieces, text)}
        for gram in {text[i : i + GRAM] for i in range(0, len(text) - GRAM + 1, STRIDE)} & index.keys():
            for pieces, owner in index[gram]:
                if owner not in found and in_order(pieces, text):
                    found.add(owner)
        return found


def in_order(pieces: tuple[str, ...], text: str) -> bool:
    """Whether the pieces follow one another in the text."""
    if len(pieces) == 1:
        return pieces[0] in text
    at = 0
    for piece in pieces:
        start = text.find(piece, at)
        if start < 0:
            return False
        at = start + len(piece)
    return True


def _grams(text: str) -> list[str]:
    return [text[i : i + GRAM] for i in range(len(text) - GRAM + 1)]
