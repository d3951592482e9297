"""Who asks for a pixel or a link: program or person, as far as a request tells. From data/visitors.toml.

Wrong in both directions at times, which is why an event is flagged and never left out. Only whoever asks not to be
counted (Do Not Track, Global Privacy Control) is not.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

OTHER = "Other"
NO_AGENT = "None"
_MAX_AGENT = 512


class Agent(NamedTuple):
    """What a User-Agent says. `proxy` is the name of an image proxy, or empty."""

    family: str
    bot: bool = False
    proxy: str = ""


class Visitor(NamedTuple):
    """Who asks. `sign` says what gives a program away: agent, head, prefetch, early, or empty for a person."""

    family: str
    is_bot: bool
    sign: str
    proxy: str


class Visitors(NamedTuple):
    """The table: patterns in order, seconds in which nobody can have looked by kind, and headers of prefetching."""

    agents: tuple[tuple[re.Pattern[str], Agent], ...]
    early_s: Mapping[str, float]
    prefetch: Mapping[str, tuple[str, ...]]


def read_visitors(text: str) -> Visitors:
    """The table of a TOML text. Raises KeyError, TypeError or re.error when it is not one."""
    values = tomllib.loads(text)
    agents = tuple(
        (re.compile(row.pop("match"), re.IGNORECASE), Agent(**row)) for row in (dict(r) for r in values["agents"])
    )
    return Visitors(agents, values["early"], {name: tuple(words) for name, words in values["prefetch"].items()})


@cache
def shipped() -> Visitors:
    """The table that comes with streampost."""
    return read_visitors(files("streams").joinpath("data", "visitors.toml").read_text("utf-8"))


def wants_no_tracking(headers: Mapping[str, str]) -> bool:
    """DNT: 1 (W3C Tracking Preference Expression) or Sec-GPC: 1 (Global Privacy Control). Names in lower case."""
    return headers.get("dnt", "").strip() == "1" or headers.get("sec-gpc", "").strip() == "1"


@lru_cache(maxsize=4096)
def agent_of(user_agent: str) -> Agent:
    """The first pattern of the shipped table that is found."""
    if not user_agent.strip():
        return Agent(NO_AGENT, bot=True)
    for pattern, agent in shipped().agents:
        if pattern.search(user_agent):
            return agent
    return Agent(OTHER)


def visitor(kind: str, method: str, headers: Mapping[str, str], age_s: float) -> Visitor:
    """Who asks. `kind` is open or click, headers have lower-case names, `age_s` is the age of the mail's token."""
    table = shipped()
    agent = agent_of(headers.get("user-agent", "")[:_MAX_AGENT])
    sign = ""
    if method == "HEAD":
        sign = "head"
    elif agent.bot:
        sign = "agent"
    elif any(word in headers.get(name, "").lower() for name, words in table.prefetch.items() for word in words):
        sign = "prefetch"
    elif age_s < table.early_s[kind]:
        sign = "early"
    return Visitor(agent.family, bool(sign), sign, agent.proxy)
