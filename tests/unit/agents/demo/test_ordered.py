"""Orders as the summary has them."""

from agents.demo.ordered import as_row
from schemas.records import Control


def test_an_override_with_the_reply_that_led_to_it() -> None:
    order = Control(
        "override", provider="yahoo", source="bulk-1", action="max_message_rate", value="7/s", reason="r",
        rule="yahoo-complaints", evidence="421 4.7.0 [TSS04]", author="shaping",
    )  # fmt: skip
    assert as_row(order) == {
        "order": "max_message_rate 7/s",
        "of": "provider yahoo, source bulk-1",
        "rule": "yahoo-complaints",
        "because": "421 4.7.0 [TSS04]",
    }


def test_what_has_no_action_and_no_evidence_has_its_kind_and_reason() -> None:
    row = as_row(Control("pause", tenant="shop", reason="they asked", author="ann"))
    assert (row["order"], row["of"], row["because"]) == ("pause", "tenant shop", "they asked")
