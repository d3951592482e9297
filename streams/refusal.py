"""Why a request is not sent: one value for every stage, so that all of them end the same way."""

from typing import NamedTuple


class Refusal(NamedTuple):
    """A permanent "no" to a request. `stage` is admit, render, mime or sign; `reason` names the field and the fault."""

    stage: str
    reason: str
