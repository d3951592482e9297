"""Names that an order may have."""

from streams.config import read
from streams.control import Facts
from streams.scopes import unknown
from tests.unit.streams.test_config import FILES, SHIPPED

CONFIG = read(FILES, SHIPPED)
ANYTHING = Facts(*"******")


def test_known_names_and_any_are_right() -> None:
    assert unknown(ANYTHING, CONFIG) == []
    assert unknown(Facts("shop", "whatever", "gmail", "mx.x.test", "one", "bulk"), CONFIG) == []
    assert unknown(ANYTHING._replace(provider="other"), CONFIG) == []


def test_each_wrong_name_is_said_with_what_is_near() -> None:
    assert unknown(Facts("shopp", "*", "gmial", "*", "ten", "bulky"), CONFIG) == [
        "there is no tenant 'shopp'; did you mean shop?",
        "there is no provider 'gmial'; did you mean gmail?",
        "there is no source 'ten'; there are one, two",
        "there is no lane 'bulky'; did you mean bulk?",
    ]
