"""Questions as functions, for commands and the demo: each is one SQL query, most over a view."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

ALL_TIME = "tenant = '', from = '1971-01-01 00:00:00', to = '2200-01-01 00:00:00'"
"""Parameters of the views for everything there is."""


QUEUE_COLUMNS = ("lane", "provider", "tenant_id", "state", "reason")
"""By what v_queue counts."""


class Table(NamedTuple):
    """A result: names of the columns, and rows of Python values (times aware, UTC)."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def dicts(self) -> list[dict[str, Any]]:
        """One dict per row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class LedgerLine(NamedTuple):
    """Columns of v_ledger without its hour, lane and tenant; `difference` is 0 when the ledger balances."""

    accepted: int
    delivered: int
    bounced: int
    expired: int
    suppressed: int
    rejected: int
    cancelled: int
    in_doubt: int
    open: int
    orphans: int
    conflicts: int
    difference: int


class DeliverTime(NamedTuple):
    """Milliseconds from acceptance to the receiving server's 250, over all deliveries; 0 when there are none."""

    delivered: int
    p50_ms: int
    p95_ms: int
    p99_ms: int


def ask(client: Client, sql: str, parameters: dict[str, Any] | None = None) -> Table:
    """Any query. Raises clickhouse-connect's DatabaseError with the server's words."""
    result = client.query(sql, parameters=parameters, query_tz="UTC")
    return Table(tuple(result.column_names), tuple(tuple(row) for row in result.result_rows))


def ledger(client: Client) -> Table:
    """v_ledger: one row per hour of acceptance, lane and tenant."""
    return ask(client, "SELECT * FROM v_ledger")


def ledger_total(client: Client) -> LedgerLine:
    """The whole ledger in one line."""
    sums = ", ".join(f"sum({name})" for name in LedgerLine._fields)
    return LedgerLine(*ask(client, f"SELECT {sums} FROM v_ledger").rows[0])


def counts(client: Client) -> dict[str, int]:
    """Events by type."""
    rows = ask(client, "SELECT event_type, count() FROM email_events GROUP BY event_type ORDER BY event_type").rows
    return {str(name): int(count) for name, count in rows}


def outcomes(client: Client) -> Table:
    """Messages by provider and outcome, with delivery and bounce rate; provider '' for mail that was never routed."""
    return ask(
        client,
        """
        SELECT
            provider,
            uniqExactIf(message_id, event_type = 'delivered') AS delivered,
            uniqExactIf(message_id, event_type = 'bounced') AS bounced,
            uniqExactIf(message_id, event_type = 'expired') AS expired,
            uniqExactIf(message_id, event_type = 'suppressed') AS suppressed,
            uniqExactIf(message_id, event_type = 'rejected') AS rejected,
            uniqExactIf(message_id, event_type = 'cancelled') AS cancelled,
            uniqExactIf(message_id, event_type = 'in_doubt') AS in_doubt,
            uniqExactIf(message_id, event_type = 'deferred') AS deferred,
            round(delivered / nullIf(delivered + bounced + expired, 0), 4) AS delivery_rate,
            round(bounced / nullIf(delivered + bounced + expired, 0), 4) AS bounce_rate
        FROM email_events
        GROUP BY provider
        ORDER BY delivered + bounced DESC, provider
        """,
    )


def deliver_time(client: Client) -> DeliverTime:
    """Time to deliver over everything there is."""
    row = ask(
        client,
        """
        SELECT
            count(),
            toInt64(quantileExact(0.5)(time_to_deliver_ms)),
            toInt64(quantileExact(0.95)(time_to_deliver_ms)),
            toInt64(quantileExact(0.99)(time_to_deliver_ms))
        FROM email_events WHERE event_type = 'delivered'
        """,
    ).rows[0]
    return DeliverTime(*row) if row[0] else DeliverTime(0, 0, 0, 0)


def timeline(client: Client, message_id: str) -> Table:
    """Everything that happened to one message, in order."""
    return ask(client, "SELECT * FROM v_message_timeline(message_id = {message_id:UUID})", {"message_id": message_id})


def queue(client: Client, by: Sequence[str] = QUEUE_COLUMNS) -> Table:
    """Open messages, grouped by some of QUEUE_COLUMNS; the oldest is the age in seconds. Raises ValueError."""
    if unknown := sorted(set(by) - set(QUEUE_COLUMNS)):
        raise ValueError(f"unknown column {unknown[0]!r}; columns are {', '.join(QUEUE_COLUMNS)}")
    columns = ", ".join(by)
    return ask(
        client,
        f"""
        SELECT {columns + "," if by else ""} sum(v.open) AS open, max(v.oldest_seconds) AS oldest_seconds,
               min(v.next_due) AS next_due, sum(v.overdue) AS overdue
        FROM v_queue AS v {"GROUP BY " + columns if by else ""} ORDER BY open DESC {"," + columns if by else ""}
        """,
    )


def cancel_report(client: Client, tenant: str, campaign: str, ordered_at_ms: int) -> dict[str, Any]:
    """v_cancel_report: what became of a campaign's messages (`*`: of the tenant's) before and after the order."""
    parameters = {"tenant": tenant, "campaign": campaign, "at": ordered_at_ms}
    sql = """
        SELECT * FROM v_cancel_report(
            tenant = {tenant:String}, campaign = {campaign:String},
            ordered_at = fromUnixTimestamp64Milli({at:Int64}, 'UTC'))
        """
    return ask(client, sql, parameters).dicts()[0]


def messages(client: Client, column: str, value: str, tenant: str = "", limit: int = 5) -> Table:
    """Rows of v_messages, the newest first, by `message_id` or `recipient_hash` (any tenant when it is empty)."""
    by_address = "SELECT message_id FROM email_events WHERE recipient_hash = {value:String}"
    where = {"message_id": "message_id = {value:UUID}", "recipient_hash": f"message_id IN ({by_address})"}[column]
    sql = f"""
        SELECT * EXCEPT (first_end) FROM v_messages
        WHERE {where} AND ({{tenant:String}} = '' OR tenant_id = {{tenant:String}})
        ORDER BY accepted_at DESC LIMIT {{limit:UInt32}}
        """
    return ask(client, sql, {"value": value, "tenant": tenant, "limit": limit})


def standings(client: Client, scope: Mapping[str, str]) -> Table:
    """Messages of a scope (columns of v_messages) by outcome, or by what they wait for, with the next that is due."""
    where = " AND ".join(f"{name} = {{{name}:String}}" for name in sorted(scope)) or "true"
    sql = f"""
        SELECT if(outcome != '', outcome, if(last_event = '', 'new', last_event)) AS state, outcome = '' AS open,
               if(outcome = '', last_reason, '') AS reason, count() AS messages, minIf(due_at, outcome = '') AS next_due
        FROM v_messages WHERE is_accepted AND {where}
        GROUP BY state, open, reason ORDER BY open DESC, messages DESC, state, reason
        """
    return ask(client, sql, dict(scope))


def health(client: Client) -> Table:
    """v_pipeline_health: rows, duplicates, gaps and lag per events partition."""
    return ask(client, "SELECT * FROM v_pipeline_health")
