"""A reply rule: which replies of whom, how many of them, and what follows for how long."""

import re
from typing import NamedTuple

from streams.limits.rate import Rate

SUSPEND, SLOW_DOWN, LIMIT, BOUNCE = "suspend", "slow_down", "limit", "bounce"


class Trigger(NamedTuple):
    """`hits` within `per_s` seconds; 1 means at once."""

    hits: int = 1
    per_s: float = 60.0


class SlowDown(NamedTuple):
    """Multiplicative decrease, additive recovery.

    At a hit the rate becomes rate x factor, not below `floor`; hits within `cooldown_s` of a decrease are of the same
    burst and do not count. Every `recover_every_s` without a hit adds 1/`recover_steps` of the first rate, until it is
    reached and the limit ends.
    """

    factor: float = 0.5
    floor: Rate = Rate(1, 60.0)
    recover_every_s: float = 300.0
    recover_steps: int = 10
    cooldown_s: float = 60.0


class Rule(NamedTuple):
    """One rule. Empty providers, sources, tenants: any. A reply fits when every kind of pattern that is given fits.

    codes: reply code, 4yz, 5yz or enhanced code; classes: of streams/classify.py; regex: searched in the text, no case.
    scope: path (source at provider, or at the site when there is no provider), provider, source, tenant or campaign
    (at that provider). value: of action `limit`, as Control has it: action name and text.
    """

    name: str
    action: str
    scope: str = "path"
    providers: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    regex: tuple[re.Pattern[str], ...] = ()
    trigger: Trigger = Trigger()
    duration_s: float = 1800.0
    max_message_rate: Rate | None = None
    max_connections: int | None = None
    slow_down: SlowDown = SlowDown()
