"""What the words of shaping.toml about TLS mean."""

import pytest
from pydantic import ValidationError

from streams.config_models.shaping import ConnectionsModel, DomainShapingModel
from streams.shaping.limits import DEFAULT_PATH
from streams.tls import MODES


def test_each_mode_asks_for_more_than_the_one_before() -> None:
    asked = [sum(MODES[name]) for name in ("none", "opportunistic", "required", "verified")]
    assert asked == [0, 1, 2, 3]
    assert len(MODES) == 4


def test_what_is_not_said_is_opportunistic() -> None:
    assert MODES[DEFAULT_PATH.tls] == (True, False, False)


@pytest.mark.parametrize("model", [ConnectionsModel, DomainShapingModel])
def test_a_file_may_say_each_of_them_and_nothing_else(model: type[ConnectionsModel]) -> None:
    assert [model(tls=name).tls for name in MODES] == list(MODES)
    with pytest.raises(ValidationError, match="one of none, opportunistic, required, verified is wanted, not 'must'"):
        model(tls="must")
