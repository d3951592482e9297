"""Send windows in tenants.toml."""

import pytest

from schemas.request import SendWindow
from streams.config import ConfigError, Tenant, read
from tests.unit.streams.test_config import FILES, TENANTS

OFFICE = '{ days = ["mon", "fri"], from = "09:00", to = "17:00", timezone = "Europe/Berlin" }'


def tenant(lines: str) -> Tenant:
    text = TENANTS.replace("\n\n", f"\n{lines}\n\n", 1)
    return read({**FILES, "tenants.toml": text}).tenants["shop"]


def test_a_tenant_and_its_campaigns_may_have_a_window() -> None:
    found = tenant(f'send_window = {OFFICE}\ncampaign_windows = {{ "spring 2026" = {{ to = "12:00" }} }}')
    assert found.send_window == SendWindow(("mon", "fri"), "09:00", "17:00", "Europe/Berlin")
    assert found.campaign_windows == {"spring 2026": SendWindow((), "", "12:00", "")}


def test_without_one_mail_goes_at_any_time() -> None:
    found = tenant("")
    assert (found.send_window, dict(found.campaign_windows)) == (None, {})


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"fri"', '"friday"', "tenants.toml:5: tenants.shop.send_window: unknown day 'friday'"),
        ("Berlin", "Atlantis", "tenants.toml:5: tenants.shop.send_window: unknown time zone 'Europe/Atlantis'"),
        ("17:00", "09:00", "tenants.toml:5: tenants.shop.send_window: from and to are both 09:00"),
        ("to =", "till =", "tenants.toml:5: tenants.shop.send_window.till: unknown key"),
        ("timezone =", "timezon =", "did you mean timezone?"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(old: str, new: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tenant(f"send_window = {OFFICE.replace(old, new)}")
    assert problem in str(caught.value)
