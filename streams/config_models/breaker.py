"""The breaker table of a tenant: when it is warned of, and stopped. Rates are fractions of 1."""

from typing import Annotated

from pydantic import Field, model_validator

from streams.breaker import BreakerRule
from streams.config_fields import Closed

_D = BreakerRule()
Share = Annotated[float, Field(gt=0, le=1, strict=False)]


class BreakerModel(Closed):
    """[tenants.NAME.breaker]; what is absent is as shipped."""

    enabled: bool = _D.enabled
    warn_hard_bounces: Share = _D.warn_hard_bounces
    stop_hard_bounces: Share = _D.stop_hard_bounces
    warn_complaints: Share = _D.warn_complaints
    stop_complaints: Share = _D.stop_complaints
    days: int = Field(_D.days, ge=1, le=30)
    min_recipients: int = Field(_D.min_recipients, ge=1, le=10_000_000)
    min_complaints: int = Field(_D.min_complaints, ge=1, le=1000)

    @model_validator(mode="after")
    def _warn_first(self) -> "BreakerModel":
        for what in ("hard_bounces", "complaints"):
            if getattr(self, f"warn_{what}") > getattr(self, f"stop_{what}"):
                raise ValueError(f"warn_{what} must not be above stop_{what}")
        return self

    def rule(self) -> BreakerRule:
        """As the breaker takes it."""
        return BreakerRule(**self.model_dump())
