"""The breaker table of a tenant."""

import pytest
from pydantic import ValidationError

from streams.breaker import BreakerRule
from streams.config_models.breaker import BreakerModel


def test_what_is_absent_is_as_shipped() -> None:
    assert BreakerModel().rule() == BreakerRule()
    assert BreakerModel(stop_complaints=0.002, days=30).rule() == BreakerRule(stop_complaints=0.002, days=30)


@pytest.mark.parametrize(
    "wrong", [{"stop_hard_bounces": 0.03}, {"warn_complaints": 0.01}, {"days": 31}, {"stop_complaints": 0}, {"bar": 1}]
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        BreakerModel.model_validate(wrong)
