"""When a message is tried again, and when not any more (RFC 5321 section 4.5.4.1, C8.60)."""

from streams.config import LanePolicy, RetrySchedule


def delay_s(schedule: RetrySchedule, attempt: int, chance: float) -> float:
    """Seconds from the failure of `attempt` (1 for the first) to the next one; `chance` in [0, 1) places the jitter.

    The jitter only lengthens: a greylisting server counts from the first try, and an early one starts it again.
    """
    base = schedule.delays_s[min(attempt, len(schedule.delays_s)) - 1]
    return base * (1 + schedule.jitter * chance)


def give_up_ms(policy: LanePolicy, accepted_ms: int, send_at_ms: int | None, expires_at_ms: int | None) -> int:
    """When the message expires: its own expiry, or the lane's patience from acceptance (from send_at when later)."""
    start = max(accepted_ms, send_at_ms or 0)
    end = start + int(policy.give_up_after_s * 1000)
    return end if expires_at_ms is None else min(end, expires_at_ms)
