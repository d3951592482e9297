"""What a recipient domain wants for itself: it stays with the domain, and never touches others on the same hosts."""

from streams.config import Config, LanePolicy
from streams.shaping.policies import NO_DOMAIN


def lane_policy(config: Config, lane: str, domain: str) -> LanePolicy:
    """The lane's patience, with the retry schedule and the end that [domain."x"] sets instead."""
    policy, own = config.lanes[lane], config.shaping.domains.get(domain, NO_DOMAIN)
    if own.retry is not None:
        policy = policy._replace(retry=policy.retry._replace(delays_s=own.retry))
    if own.give_up_after is not None:
        policy = policy._replace(give_up_after_s=own.give_up_after)
    return policy


def own_tls(config: Config, domain: str) -> str:
    """The domain's own word about TLS, a mode of streams/tls.py; empty when it has none: then the path's counts.

    Messages with different words must not share a connection: the path's key has it.
    """
    return config.shaping.domains.get(domain, NO_DOMAIN).tls or ""
