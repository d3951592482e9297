"""A reader of Dockerfiles, as far as ours goes: instructions with continued lines joined."""

import json
import shlex
from pathlib import Path
from typing import NamedTuple


class Instruction(NamedTuple):
    """One instruction: its name in capitals, and the rest of the line."""

    name: str
    rest: str

    @property
    def words(self) -> list[str]:
        """The rest, from its JSON form or split as a shell does."""
        return json.loads(self.rest) if self.rest.startswith("[") else shlex.split(self.rest)

    @property
    def flags(self) -> dict[str, str]:
        """--name=value words."""
        found = (w[2:].partition("=") for w in self.words if w.startswith("--"))
        return {name: value for name, _, value in found}

    @property
    def arguments(self) -> list[str]:
        """The words that are no flags."""
        return [w for w in self.words if not w.startswith("--")]


def read(path: Path) -> list[Instruction]:
    """The instructions of a Dockerfile, in order."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.lstrip().startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    split = (line.strip().partition(" ") for line in whole.splitlines() if line.strip())
    return [Instruction(name.upper(), rest.strip()) for name, _, rest in split]
