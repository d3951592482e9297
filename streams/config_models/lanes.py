"""lanes.toml: how long each lane keeps trying."""

from typing import Annotated

from pydantic import Field, model_validator

from schemas.topics import LANES
from streams.config_fields import Closed, Duration, Lane


class BackoffModel(Closed):
    """A schedule by rule: first, first x factor, … up to max."""

    first: Duration = Field(gt=0)
    factor: float = Field(2.0, ge=1.1, le=10, strict=False)
    max: Duration = Field(gt=0)


class LaneModel(Closed):
    """One [lanes.NAME]: either `retry`, a list of delays, or `backoff`, a rule."""

    retry: Annotated[tuple[Annotated[Duration, Field(gt=0)], ...], Field(min_length=1, strict=False)] | None = None
    backoff: BackoffModel | None = None
    jitter: float = Field(0.1, ge=0, le=1, strict=False)
    give_up_after: Duration = Field(gt=0)
    dedup_window: Duration = Field(gt=0)

    @model_validator(mode="after")
    def _one_schedule(self) -> "LaneModel":
        if (self.retry is None) == (self.backoff is None):
            raise ValueError("exactly one of `retry` (a list of delays) and `backoff` (first, factor, max) is wanted")
        return self

    def delays(self) -> tuple[float, ...]:
        """The delays in seconds; the last one repeats."""
        if self.backoff is None:
            assert self.retry is not None
            return self.retry
        found = [min(self.backoff.first, self.backoff.max)]
        while found[-1] < self.backoff.max:
            found.append(min(found[-1] * self.backoff.factor, self.backoff.max))
        return tuple(found)


class LanesFile(Closed):
    """lanes.toml: every lane has its table."""

    lanes: dict[Lane, LaneModel]

    @model_validator(mode="after")
    def _complete(self) -> "LanesFile":
        if missing := [lane for lane in LANES if lane not in self.lanes]:
            raise ValueError(f"lanes.{missing[0]} is missing")
        return self
