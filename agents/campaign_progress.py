"""How far a campaign's list has been sent: a small file beside it, so that an interrupted send goes on where it was.

First line: the state at the beginning of a chunk of rows, as JSON; it is replaced, at once and whole, when the chunk is
done. Then one line per confirmed batch of that chunk: its fingerprint. Same rows, same batches; one that differs,
because the configuration now refuses one of its rows, is not taken for the one that was confirmed.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from streams.campaign import CampaignError


class State(NamedTuple):
    """Everything before `offset` (octets) and up to line `line` is confirmed or rejected."""

    job: str
    offset: int
    line: int
    sent: int = 0
    rejected: int = 0
    rejected_bytes: int = 0
    done: bool = False


class Progress:
    """The file. Call `confirmed` as batches are confirmed and `begin` for each chunk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._batches: set[str] = set()

    def read(self, job: str) -> State | None:
        """The state of this job, None when there is none. Raises CampaignError for another job's, unless it is done."""
        try:
            first, *fingerprints = self._path.read_text("ascii").splitlines()
            state = State(**json.loads(first))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as e:
            raise CampaignError(f"{self._path} cannot be read ({e}); delete it to begin again") from e
        if state.job == job:
            self._batches = set(fingerprints)
            return state
        if state.done:
            return None
        raise CampaignError(
            f"{self._path} is of another, unfinished send ({state.sent} sent, up to line {state.line}): "
            "other options or another list. Finish that one, or use --again to begin anew"
        )

    @property
    def batches(self) -> frozenset[str]:
        """Confirmed batches of the chunk that was read."""
        return frozenset(self._batches)

    def begin(self, state: State) -> None:
        """A chunk begins here; all before is done."""
        part = self._path.with_name(self._path.name + ".part")
        part.write_text(json.dumps(state._asdict()) + "\n", "ascii")
        part.replace(self._path)
        self._batches.clear()

    def confirmed(self, fingerprints: Iterable[str]) -> None:
        """These batches are in Kafka. What is written here outlives the process."""
        text = "".join(f"{f}\n" for f in fingerprints)
        if text:
            with self._path.open("a", encoding="ascii") as file:
                file.write(text)
