"""What somebody wants who comes with an unsubscribe token, and what that changes (RFC 8058, standards C6.45 to C6.49).

    order = order_of(content_type, body)                 # None: the body asks for nothing
    state = state_of(trace, lists, table, now_ms)        # what is stopped now
    for change in changes(order, trace, one_click, state): …

Only the tenant's bulk mail is ever stopped here: a receipt or a password still comes (C6.49). What was stopped for
another reason (a complaint, a dead mailbox) is neither replaced nor lifted.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

from streams.multipart import MultipartError, form_fields
from streams.suppress import Scope, SuppressionKey, SuppressionSet, scopes
from streams.web_tokens import WebTrace

LANE = "bulk"
REASON = "unsubscribe"
ALL = ""
"""In place of a list id: all of the tenant's bulk mail."""

MAX_FIELDS = 500
ONE_CLICK, STOP, STOP_ALL, RESUME, RESUME_ALL, SAVE = "one-click", "stop", "stop-all", "resume", "resume-all", "save"
VERBS = (STOP, STOP_ALL, RESUME, RESUME_ALL, SAVE)
"""What the buttons of the page send as `do`; one-click is the receiver's own form."""


class Order(NamedTuple):
    """What is wanted. For SAVE: the lists that were shown, and those of them that are still wanted."""

    verb: str
    shown: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()


class State(NamedTuple):
    """What is stopped now: list id or ALL -> reason, empty for not stopped; `other`: a reason that no button lifts."""

    reasons: Mapping[str, str]
    other: str = ""

    def stopped(self, list_id: str) -> bool:
        """Whether mail of this list (or, with ALL, any) is stopped by what a button can lift or set."""
        return bool(self.reasons.get(ALL) or self.reasons.get(list_id))


class Change(NamedTuple):
    """One entry of the suppression list to write (stop) or to take away."""

    list_id: str
    stop: bool


def order_of(content_type: str, body: bytes) -> Order | None:
    """The order in a POST, in either of the two forms of RFC 8058 section 3.2; None when there is none."""
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == "multipart/form-data":
            fields = form_fields(content_type, body, MAX_FIELDS)
        else:
            fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except (MultipartError, ValueError):
        return None
    return _order(fields)


def _order(fields: Iterable[tuple[str, str]]) -> Order | None:
    found: dict[str, list[str]] = {}
    for name, value in fields:
        found.setdefault(name.strip().lower(), []).append(value.strip())
    if "one-click" in (value.lower() for value in found.get("list-unsubscribe", ())):
        return Order(ONE_CLICK)
    verb = found.get("do", [""])[0]
    if verb not in VERBS:
        return None
    shown = frozenset(found.get("shown", ()))
    return Order(verb, shown, shown & frozenset(found.get("keep", ()))) if verb == SAVE else Order(verb)


def state_of(trace: WebTrace, lists: Iterable[str], table: SuppressionSet, now_ms: int) -> State:
    """What is stopped for the token's recipient. `lists`: the tenant's."""

    def reason(scope: Scope) -> str:
        found = table.get(SuppressionKey(scope, trace.recipient_hash), now_ms)
        return found.reason if found else ""

    reasons = {one: reason(Scope(trace.tenant, LANE, one)) for one in {ALL, trace.list_id, *lists}}
    wide = (reason(scope) for scope in scopes(trace.tenant, LANE))
    return State(reasons, next((r for r in wide if r not in {"", REASON}), ""))


def changes(order: Order, trace: WebTrace, one_click: str, state: State) -> tuple[Change, ...]:
    """What to write, stops first. `one_click`: whether one click stops the message's "list" or "all" of the tenant.

    A stop that is there already is written again: its confirmation is what the answer waits for.
    """
    own = trace.list_id or ALL
    wanted = {
        ONE_CLICK: [Change(own if one_click == "list" else ALL, True)],
        STOP: [Change(own, True)],
        STOP_ALL: [Change(ALL, True)],
        RESUME: [Change(own, False)],
        RESUME_ALL: [Change(ALL, False)],
        SAVE: _saved(order, state),
    }[order.verb]
    return tuple(c for c in wanted if state.reasons.get(c.list_id, "") in ({"", REASON} if c.stop else {REASON}))


def _saved(order: Order, state: State) -> list[Change]:
    """Ticked lists come, the others do not. Ticking one after all were stopped lifts the stop of all."""
    known = {one for one in order.shown if one in state.reasons}
    stops = [Change(one, True) for one in sorted(known - order.kept)]
    lifted = [Change(one, False) for one in sorted(known & order.kept)]
    return [*stops, *lifted, *([Change(ALL, False)] if lifted else [])]


def entry_key(trace: WebTrace, list_id: str) -> SuppressionKey:
    """Where the stop stands on the suppression topic."""
    return SuppressionKey(Scope(trace.tenant, LANE, list_id), trace.recipient_hash)
