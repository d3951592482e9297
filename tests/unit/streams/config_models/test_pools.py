"""How a relay writes the sender."""

import pytest
from pydantic import ValidationError

from streams.config_models.pools import RelayModel


@pytest.mark.parametrize(
    ("given", "kept"), [("dash", "dash"), ("plus", "plus"), ("me@Relay.example", "me@relay.example")]
)
def test_return_path_of_a_relay(given: str, kept: str) -> None:
    assert RelayModel(host="relay.example", return_path=given).return_path == kept
    assert RelayModel(host="relay.example").return_path == "dash"


@pytest.mark.parametrize("given", ["verp", "bouncing@relay.example", "a+b@relay.example", '"a b"@relay.example', "me@"])
def test_a_name_that_leaves_no_room_for_the_token_is_refused(given: str) -> None:
    with pytest.raises(ValidationError):
        RelayModel(host="relay.example", return_path=given)
