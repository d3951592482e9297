"""The shaping job: which replies lead to which orders, and how they end."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import encode
from schemas.records import Control
from streams import control
from streams.classify import classify
from streams.config_check import check_file
from streams.shaping.automation import ShapingJob
from streams.shaping.build import shaping_of
from streams.shaping.rule import Rule
from tests.unit.streams.shaping.samples import START_MS, control_of, load, reply_event

SHIPPED = load(Path("config")).shaping.rules


def rules(text: str) -> tuple[Rule, ...]:
    model, problems = check_file("shaping.toml", tomllib.loads(text))
    assert not problems, problems
    return shaping_of([model]).rules


def orders(job: ShapingJob, *events: dict[str, Any]) -> list[Control]:
    return [control_of(o) for e in events for o in job.on_event(e)]


def at(job: ShapingJob, seconds: float) -> list[Control]:
    return [control_of(o) for o in job.on_time(START_MS + int(seconds * 1000))]


def begun(found: tuple[Rule, ...], provider: str = "gmail") -> ShapingJob:
    """A job with these rules that has seen mail go for a second: there is a rate that can be lowered."""
    job = ShapingJob(found)
    assert orders(job, reply_event("ok", 250, "2.0.0", at_s=-1, stage="body", provider=provider)) == []
    return job


def slow(text: str = "") -> tuple[Rule, ...]:
    return rules(
        '[[rules]]\nname = "r"\ncodes = ["4.7.28"]\naction = "slow_down"\nfactor = 0.5\nfloor = "6/min"\n'
        f'recover_every = "5m"\nrecover_steps = 4\ncooldown = "1m"\nduration = "1h"\n{text}'
    )


REPLIES = """
gmail|421|4.7.28|Gmail has detected an unusual rate of unsolicited mail|max_message_rate|gmail-unusual-rate
gmail|550|5.7.28|unusual rate, our users are protected|suspend|gmail-ip-blocked
yahoo|421|4.7.0|[TSS04] Messages from 1.2.3.4 deferred due to user complaints|max_message_rate|yahoo-complaints
yahoo|553|5.7.1|[BL21] Connections will not be accepted from 1.2.3.4|suspend|yahoo-blocked
microsoft|550|5.7.1|Unfortunately, messages from [1.2.3.4] weren't sent (S3150).|suspend|microsoft-blocked
microsoft|550|5.7.606|Access denied, banned sending IP [1.2.3.4]|suspend|microsoft-blocked
microsoft|451|4.7.650|The server [1.2.3.4] has been temporarily rate limited|max_message_rate|microsoft-rate-limited
comcast|554|5.7.1|[P4] resimta-po BL000000 Blocked for spam|suspend|comcast-blocked
orange|421||Service refused, too many connections. OFR004_104 [104]|max_connections|orange-connections
telekom|554||IP=1.2.3.4 - A problem occurred. (Ask your postmaster for help)|suspend|telekom-blocked
free|421||Too many spams from your IP (1.2.3.4), please visit|suspend|free-rate
other|454||Throttling failure: Maximum sending rate exceeded.|max_message_rate|relay-rate
"""


@pytest.mark.parametrize("line", REPLIES.strip().splitlines())
def test_c8_61_c8_62_c9_70_shipped_rules_act_at_the_first_reply(line: str) -> None:
    provider, code, enhanced, text, action, rule = line.split("|")
    (order,) = orders(begun(SHIPPED, provider), reply_event(text, int(code), enhanced, provider=provider))
    assert (order.kind, order.action, order.rule) == ("override", action, rule)
    assert order.provider == ("*" if provider == "other" else provider)
    assert (order.source, order.tenant, order.site) == ("tx-1", "*", "*")
    assert order.expires_at is not None
    assert order.expires_at > order.created_at == START_MS
    assert text[:40] in order.evidence
    assert order.author == "shaping"


@pytest.mark.parametrize(
    ("provider", "text", "code", "enhanced"),
    [
        ("gmail", "The email account that you tried to reach does not exist", 550, "5.1.1"),
        ("gmail", "The recipient's inbox is out of storage space", 452, "4.2.2"),
        ("gmail", "The user you are trying to contact is receiving mail at a rate that prevents more", 450, "4.2.1"),
        ("gmail", "2.0.0 OK", 250, "2.0.0"),
        ("gmail", "Greylisted, try again in 5 minutes", 450, "4.7.1"),
        ("microsoft", "TRANSPORT.RULES.RejectMessage; rejected by organization policy", 550, "5.7.1"),
    ],
)
def test_what_is_said_of_recipient_or_message_changes_nothing(
    provider: str, text: str, code: int, enhanced: str
) -> None:
    job = ShapingJob(SHIPPED)
    said = classify("rcpt", code, enhanced, text).bounce_class
    events = [reply_event(text, code, enhanced, at_s=n, bounce_class=said, provider=provider) for n in range(100)]
    assert orders(job, *events) == []


@pytest.mark.parametrize(
    ("provider", "text", "code", "enhanced", "rule", "at_hit"),
    [
        ("yahoo", "Message temporarily deferred - [160]", 451, "", "rate-limited", 3),
        ("yahoo", "[TS02] Messages from 192.0.2.1 temporarily deferred", 421, "4.7.1", "yahoo-deferred", 2),
        ("microsoft", "Server busy. Please try again later. (S77719)", 451, "4.7.500", "server-busy", 5),
    ],
)
def test_one_deferred_message_is_not_all_of_a_source(
    provider: str, text: str, code: int, enhanced: str, rule: str, at_hit: int
) -> None:
    job, said = begun(SHIPPED, provider), classify("rcpt", code, enhanced, text).bounce_class
    events = [reply_event(text, code, enhanced, at_s=n, bounce_class=said, provider=provider) for n in range(at_hit)]
    assert orders(job, *events[:-1]) == []
    assert [o.rule.removeprefix("microsoft-") for o in orders(job, events[-1])] == [rule]


def test_a_tenant_that_is_not_authenticated_is_suspended_there_after_twenty() -> None:
    job = ShapingJob(SHIPPED)
    events = [reply_event("unauthenticated", 550, "5.7.26", at_s=n, bounce_class="authentication") for n in range(20)]
    assert orders(job, *events[:19]) == []
    (order,) = orders(job, events[19])
    assert (order.action, order.tenant, order.provider, order.source) == ("suspend", "shop", "gmail", "*")
    assert "20 within 600 s" in order.evidence


def test_hits_count_only_within_the_period_and_per_scope() -> None:
    text = '[[rules]]\nname = "r"\nregex = ["busy"]\ntrigger = { count = 3, per = "1m" }\naction = "suspend"\n'
    job = ShapingJob(rules(text))
    slowly = [reply_event("busy", at_s=n * 40) for n in range(6)]
    assert orders(job, *slowly) == []
    others = [reply_event("busy", at_s=200 + n, source=f"s{n}") for n in range(3)]
    assert orders(job, *others) == []
    (order,) = orders(job, reply_event("busy", at_s=201), reply_event("busy", at_s=202))
    assert order.source == "tx-1"


def test_multiplicative_decrease_once_per_burst() -> None:
    job = ShapingJob(slow())
    sent = [reply_event("ok", 250, "2.0.0", at_s=n / 10, stage="body") for n in range(600)]  # 10/s
    assert orders(job, *sent) == []
    assert [o.value for o in orders(job, *(reply_event(at_s=60) for _ in range(200)))] == ["300/min"]
    assert [o.value for o in orders(job, reply_event(at_s=119))] == []
    assert [o.value for o in orders(job, reply_event(at_s=121), reply_event(at_s=190))] == ["150/min", "75/min"]
    assert [o.value for o in orders(job, *(reply_event(at_s=300 + n * 61) for n in range(9)))][-3:] == ["360/h"] * 3


def test_a_rate_is_lowered_when_it_is_known_and_not_guessed_from_the_first_message() -> None:
    job = ShapingJob(slow())
    early = [reply_event("ok", 250, "2.0.0", at_s=n / 100, stage="body") for n in range(3)]
    assert orders(job, *early, reply_event(at_s=0.03)) == [], "three messages in 30 ms: that is no rate"
    other = ShapingJob(slow())
    other.restore(job.snapshot())
    sent = [reply_event("ok", 250, "2.0.0", at_s=n / 100, stage="body") for n in range(4, 99)]
    assert orders(job, *sent, reply_event(at_s=0.99)) == []
    (order,) = at(job, 1)
    assert (order.value, order.created_at) == ("50/s", START_MS + 1000)
    assert "421 4.7.28" in order.evidence
    assert [o.value for o in orders(other, *sent, reply_event("ok", 250, "2.0.0", at_s=1, stage="body"))] == ["50/s"]


def test_the_first_window_is_its_own_length_and_later_ones_stand_beside_the_one_before() -> None:
    job = ShapingJob(slow())
    orders(job, *(reply_event("ok", 250, "2.0.0", at_s=n / 10, stage="body") for n in range(601)))  # 10/s for a minute
    burst = [reply_event("ok", 250, "2.0.0", at_s=60.1, stage="body") for _ in range(90)]
    assert [o.value for o in orders(job, *burst, reply_event(at_s=61.2))] == ["300/min"]


def test_additive_recovery_ends_the_limit_at_the_first_rate() -> None:
    job = ShapingJob(slow())
    orders(job, *(reply_event("ok", 250, "2.0.0", at_s=n / 10, stage="body") for n in range(600)))
    orders(job, reply_event(at_s=60))
    assert at(job, 359) == []
    (first,) = at(job, 361)
    assert first.value == "450/min"  # 5/s and a quarter of the measured 10/s
    assert first.expires_at == first.created_at + 3_600_000
    (last,) = at(job, 662)
    assert (last.expires_at, last.value) == (START_MS + 662_000, "")
    assert not control.in_force(last, START_MS + 662_000)
    assert at(job, 5000) == []


def test_a_hit_during_recovery_waits_again_and_halves_what_was_reached() -> None:
    job = ShapingJob(slow())
    orders(job, *(reply_event("ok", 250, "2.0.0", at_s=n / 10, stage="body") for n in range(600)))
    orders(job, reply_event(at_s=60))
    assert len(at(job, 361)) == 1
    (order,) = orders(job, reply_event(at_s=400))
    assert order.value == "225/min"
    assert at(job, 699) == []
    assert len(at(job, 700)) == 1


def test_a_suspension_is_not_lengthened_by_mail_that_was_on_its_way() -> None:
    text = '[[rules]]\nname = "r"\ncodes = ["4.7.28"]\naction = "suspend"\nduration = "10m"\n'
    job = ShapingJob(rules(text))
    found = orders(job, *(reply_event(at_s=n) for n in range(0, 1300, 10)))
    assert [(o.created_at - START_MS) // 1000 for o in found] == [0, 600, 1200]


def test_a_limit_is_kept_while_replies_go_on() -> None:
    text = '[[rules]]\nname = "r"\ncodes = ["4.7.28"]\naction = "limit"\nmax_message_rate = "10/min"\n'
    job = ShapingJob(rules(text + 'max_connections = 2\ncooldown = "1m"\nduration = "10m"\n'))
    first = orders(job, reply_event())
    assert [(o.action, o.value) for o in first] == [("max_message_rate", "10/min"), ("max_connections", "2")]
    assert orders(job, reply_event(at_s=59)) == []
    assert [o.created_at for o in orders(job, reply_event(at_s=60))] == [START_MS + 60_000] * 2


def test_sites_of_no_provider_are_told_apart() -> None:
    text = '[[rules]]\nname = "r"\ncodes = ["4.7.28"]\naction = "suspend"\n'
    job = ShapingJob(rules(text))
    (order,) = orders(job, reply_event(provider="other", site="mx1.a.example,mx2.a.example"))
    assert (order.provider, order.site, order.source) == ("*", "mx1.a.example,mx2.a.example", "tx-1")
    assert orders(job, reply_event(provider="other")) == [], "without a site everybody else would be stopped"


@pytest.mark.parametrize(
    ("scope", "fields"),
    [
        ("provider", {"provider": "gmail"}),
        ("source", {"source": "tx-1"}),
        ("tenant", {"provider": "gmail", "tenant": "shop"}),
        ("campaign", {"provider": "gmail", "tenant": "shop", "campaign": "spring"}),
    ],
)
def test_scopes(scope: str, fields: dict[str, str]) -> None:
    text = f'[[rules]]\nname = "r"\ncodes = ["4.7.28"]\naction = "bounce"\nscope = "{scope}"\n'
    (order,) = orders(ShapingJob(rules(text)), reply_event())
    assert order.action == "bounce"
    assert {f: getattr(order, f) for f in control.Facts._fields if getattr(order, f) != "*"} == fields


def _theirs(job: ShapingJob, order: Control) -> None:
    record = order._replace(author="ann", expires_at=START_MS + 100_000, value="5/min")
    assert list(job.on_record("control", control.key(order), encode("Control", record._asdict()))) == []


def test_an_operators_order_is_not_replaced_while_it_lasts() -> None:
    job = begun(slow())
    (mine,) = orders(job, reply_event())
    _theirs(job, mine)
    assert orders(job, reply_event(at_s=61)) == []
    assert at(job, 1000) == [], "and not recovered either"
    assert orders(job, reply_event(at_s=1001)) == [], "mail begins again, at a rate that is not known yet"
    assert len(at(job, 1002)) == 1


def test_what_an_operator_lifts_is_forgotten_until_the_next_reply() -> None:
    job = begun(slow())
    (mine,) = orders(job, reply_event())
    job.on_record("control", control.key(mine), None)
    assert at(job, 400) == []
    assert orders(job, reply_event(at_s=401)) == []
    (again,) = at(job, 402)
    assert again.value


def test_a_restart_goes_on_with_the_snapshot_and_with_what_the_topic_says() -> None:
    events = [reply_event(at_s=n * 61) for n in range(5)]
    whole, first, second = begun(slow()), begun(slow()), ShapingJob(slow())
    expected = orders(whole, *events)
    found = orders(first, *events[:3])
    second.restore(first.snapshot())
    # the topic from its beginning: an older order, a word of an operator, then the order that stands
    stands = found[-1]
    second.on_record("control", control.key(stands), encode("Control", found[0]._asdict()))
    second.on_record("control", control.key(stands), None)
    second.on_record("control", control.key(stands), encode("Control", stands._asdict()))
    assert orders(second, *events[3:]) == expected[3:]
    assert at(second, 2000) == at(whole, 2000) != []


def test_an_event_of_yesterday_stops_nobody_today() -> None:
    job = ShapingJob(slow())
    at(job, 86_400)
    assert orders(job, reply_event()) == []


def test_addresses_stay_out_of_the_evidence() -> None:
    (order,) = orders(begun(slow()), reply_event("rate of ann.lee@gmail.com exceeded"))
    assert "rate of <address> exceeded" in order.evidence


def test_the_evidence_has_the_enhanced_code_once() -> None:
    (order,) = orders(begun(slow()), reply_event("4.7.28 unusual rate"))
    assert order.evidence.startswith("421 4.7.28 unusual rate (event ")


def test_a_rule_that_is_gone_leaves_its_order_to_run_out() -> None:
    job = begun(slow())
    assert len(orders(job, reply_event())) == 1
    job.rules = ()
    assert at(job, 400) == []
