"""warmup.toml: how a new source grows at each provider. What is absent comes from the layer below."""

from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field

from streams.config_fields import Closed, Name
from streams.reply_rules import CLASSES

Share = Annotated[float, Field(gt=0, le=1, strict=False)]


def _growing(value: tuple[int, ...]) -> tuple[int, ...]:
    if any(b < a for a, b in pairwise(value)):
        raise ValueError("caps must not fall from one day to the next")
    return value


def _bounce_class(value: str) -> str:
    if value not in CLASSES:
        raise ValueError(f"unknown class {value!r}; classes are {', '.join(sorted(CLASSES))}")
    return value


class BarsModel(Closed):
    """Rates, as fractions of 1, above which a source does not grow, or steps back."""

    deferrals: Share | None = None
    bounces: Share | None = None
    complaints: Share | None = None


class WarmupModel(Closed):
    """One [default], [providers.NAME] or [sources.NAME]."""

    caps: (
        Annotated[
            tuple[Annotated[int, Field(ge=1, le=100_000_000)], ...],
            Field(min_length=1, max_length=365, strict=False),
            AfterValidator(_growing),
        ]
        | None
    ) = None
    pace: float | None = Field(None, ge=0.01, le=100, strict=False)
    hold: BarsModel = BarsModel()
    back: BarsModel = BarsModel()
    back_days: int | None = Field(None, ge=1, le=365)
    min_use: Annotated[float, Field(ge=0, le=1, strict=False)] | None = None
    min_messages: int | None = Field(None, ge=1, le=1_000_000)
    min_cases: int | None = Field(None, ge=1, le=1000)
    complaint_days: int | None = Field(None, ge=1, le=7)
    ignored_classes: (
        Annotated[tuple[Annotated[str, AfterValidator(_bounce_class)], ...], Field(strict=False)] | None
    ) = None


class WarmupFile(Closed):
    """warmup.toml."""

    default: WarmupModel = WarmupModel()
    providers: dict[Name, WarmupModel] = Field({})
    sources: dict[Name, WarmupModel] = Field({})
