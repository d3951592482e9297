"""Plans: the shipped ladder, and the operator's file over it."""

from importlib.resources import files

import pytest

from streams.config import ConfigError
from streams.warmup.plan import Known, read

SHIPPED = files("streams").joinpath("data", "warmup.toml").read_text("utf-8")


def test_the_shipped_plan_takes_30_days_and_never_grows_by_half() -> None:
    plan = read(SHIPPED).of("ip-1", "gmail")
    assert plan.days == 30
    assert (plan.caps[0], plan.caps[-1]) == (50, 100_000)
    assert all(a < b <= 1.5 * a for a, b in zip(plan.caps, plan.caps[1:], strict=False))


def test_c9_67_shipped_bars_for_complaints() -> None:
    plan = read(SHIPPED).of("ip-1", "gmail")
    assert plan.hold.complaints == 0.001
    assert plan.back.complaints == 0.003


def test_microsoft_starts_at_half_the_pace() -> None:
    plans = read(SHIPPED)
    assert plans.of("ip-1", "microsoft").caps[0] == 25
    assert plans.special_providers() == ("microsoft",)


def test_a_source_goes_over_a_provider_over_the_default_key_by_key() -> None:
    own = """
[default]
min_use = 0.4
hold = { deferrals = 0.01 }
[providers.yahoo]
caps = [10, 20]
back_days = 3
[sources.ip-2]
pace = 2
back = { bounces = 0.1 }
"""
    plans = read(SHIPPED, own)
    plain, yahoo, fast = plans.of("ip-1", "gmail"), plans.of("ip-1", "yahoo"), plans.of("ip-2", "yahoo")
    assert (plain.min_use, plain.hold.deferrals, plain.hold.bounces) == (0.4, 0.01, 0.02)
    assert (yahoo.caps, yahoo.back_days, yahoo.min_use) == ((10, 20), 3, 0.4)
    assert (fast.caps, fast.back.bounces, fast.back.complaints) == ((20, 40), 0.1, 0.003)
    assert plans.of("ip-2", "microsoft").caps[0] == 100


def test_own_caps_are_meant_as_they_stand() -> None:
    assert read(SHIPPED, "[providers.microsoft]\ncaps = [30, 60]").of("x", "microsoft").caps == (30, 60)


def test_a_cap_is_never_below_one() -> None:
    assert read(SHIPPED, "[default]\ncaps = [3, 5]\npace = 0.01").of("x", "gmail").caps == (1, 1)


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ("[default]\ncaps = [3, 2]", "w.toml:2: default.caps: caps must not fall from one day to the next"),
        ("[default]\n\nspeed = 1", "w.toml:3: default.speed: unknown key"),
        ("[default]\ncaps = [0]", "w.toml:2: default.caps[0]: input should be greater than or equal to 1, not 0"),
        ("[default", "w.toml:1: not valid TOML"),
        ("[default]\nignored_classes = ['spam']", "w.toml:2: default.ignored_classes[0]: unknown class 'spam'"),
        ("[providers.yahoo.hold]\ncomplaints = 0.01", "w.toml:2: providers.yahoo.hold.complaints: to step back at"),
        ("[default.back]\nbounces = 0.01", "w.toml:2: default.back.bounces: to step back at 0.01 is below to hold at"),
        ("[sources.ip-9]", "w.toml:1: sources.ip-9: pools.toml has no source 'ip-9'"),
        ("[providers.gmial]", "w.toml:1: providers.gmial: there is no provider 'gmial'"),
    ],
)
def test_mistakes_are_named_by_file_line_and_key(own: str, words: str) -> None:
    with pytest.raises(ConfigError) as e:
        read(SHIPPED, own, "w.toml", Known({"ip-1"}, {"gmail", "yahoo"}))
    assert words in str(e.value)
