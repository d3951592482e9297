"""The demo's result, by SQL from ClickHouse and from what the receiver counted."""

import json
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from agents.demo.second import CAMPAIGN
from schemas.event import TERMINAL

TOTALS = """
SELECT sum(accepted) AS accepted, sum(delivered) AS delivered, sum(bounced) AS bounced, sum(suppressed) AS suppressed,
       sum(expired) AS expired, sum(rejected) AS rejected, sum(in_doubt) AS in_doubt, sum(cancelled) AS cancelled,
       sum(open) AS open, sum(difference) AS difference
FROM v_ledger
"""

ENDED = """
SELECT uniqExact(message_id) AS ended FROM email_events WHERE event_type IN {terminal:Array(String)}
"""
"""For the progress bar: a tenth of what the ledger costs, which is asked when this is as it should be."""

RATE = """
SELECT countIf(event_time <= upto) AS done, dateDiff('millisecond', min(event_time), any(upto)) AS milliseconds FROM
(
    SELECT event_time, quantileExact(0.95)(event_time) OVER () AS upto FROM email_events
    WHERE attempt = 1 AND event_type IN ('delivered', 'bounced', 'deferred') AND smtp_code > 0
          AND campaign_id != {again:String}
)
"""

TRIED = """
SELECT toUnixTimestamp64Milli(max(first)) AS last_ms FROM
(
    SELECT min(event_time) AS first FROM email_events GROUP BY message_id
)
"""
"""When the last message had its first event of any kind: from then on only retries and limits were waited for."""

COUNTS = """
SELECT countIf(event_type = 'deferred') AS deferred_events, countIf(event_type = 'held') AS held_events,
       uniqExactIf(message_id, event_type = 'throttled') AS throttled,
       countIf(event_type = 'duplicate') AS duplicate_events
FROM email_events
"""

FEEDBACK = """
SELECT uniqExactIf(message_id, event_type = 'bounced_late') AS bounced_late,
       uniqExactIf(message_id, event_type = 'complained') AS complained,
       uniqExactIf(message_id, event_type = 'unsubscribed') AS unsubscribed,
       uniqExactIf(message_id, event_type = 'opened') AS opened,
       uniqExactIf(message_id, event_type = 'clicked') AS clicked
FROM email_events
"""
RETURNED = ("bounced_late", "complained", "unsubscribed", "opened", "clicked")

SKIPPED = """
SELECT DISTINCT recipient_hash FROM email_events
WHERE campaign_id = {campaign:String} AND event_type = 'suppressed'
"""

PROVIDERS = """
SELECT r.key AS provider, r.sent AS sent, r.delivered AS delivered, r.bounced AS bounced, r.deferred AS deferred,
       r.expired AS expired, r.delivery_rate AS delivery_rate, r.bounce_rate AS bounce_rate,
       t.p50_ms AS p50_ms, t.p95_ms AS p95_ms
FROM v_delivery_rate(tenant = '', from = '2000-01-01 00:00:00', to = '2100-01-01 00:00:00', group = 'provider') AS r
LEFT JOIN v_time_to_deliver(tenant = '', from = '2000-01-01 00:00:00', to = '2100-01-01 00:00:00') AS t
  ON t.provider = r.key
ORDER BY sent DESC
"""


class Result(NamedTuple):
    """All that the demo prints and writes."""

    summary: dict[str, Any]
    providers: list[dict[str, Any]]

    @property
    def failures(self) -> list[str]:
        """Why the demo failed; empty when all is well."""
        s = self.summary
        checks = (
            (s["accepted"] == s["messages"], f"{s['messages']} requests were sent, {s['accepted']} are in the ledger"),
            (s["open"] == 0, f"{s['open']} messages are still open"),
            (s["difference"] == 0, f"the ledger does not balance: difference {s['difference']}"),
            (
                s["receiver_accepted"] == s["delivered"] + s["duplicates"],
                f"the receiver took {s['receiver_accepted']}, the events say {s['delivered']} delivered",
            ),
            (s["duplicates"] == 0, f"{s['duplicates']} messages were sent twice"),
            (s["dkim_checked"] > 0, "no DKIM signature was checked"),
            (s["dkim_failed"] == 0, f"{s['dkim_failed']} of {s['dkim_checked']} DKIM signatures do not verify"),
            *((s[n] == s["returned"][n], f"{s['returned'][n]} x {n} came back, {s[n]} are events") for n in RETURNED),
            (s["second_wrong"] == 0, f"{s['second_wrong']} of the second campaign were wrongly mailed or skipped"),
        )
        return [text for good, text in checks if not good]

    def to_json(self) -> str:
        """summary.json."""
        return json.dumps({**self.summary, "providers": self.providers}, indent=2) + "\n"


def row(client: Client, sql: str, **parameters: Any) -> dict[str, Any]:
    """The one row of a query."""
    return next(iter(client.query(sql, parameters=parameters).named_results()))


def ended(client: Client) -> int:
    """How many messages have ended."""
    return int(row(client, ENDED, terminal=sorted(TERMINAL))["ended"])


def skipped(client: Client, campaign: str) -> frozenset[str]:
    """Address hashes that the campaign did not mail since they are suppressed."""
    return frozenset(r[0] for r in client.query(SKIPPED, parameters={"campaign": campaign}).result_rows)


def collect(client: Client, receiver: dict[str, Any], known: dict[str, Any]) -> Result:
    """`receiver` is its /stats; `known` what the demo itself knows (broker, seconds, memory, what was returned)."""
    rate = row(client, RATE, again=CAMPAIGN)  # the demo waits before it sends that
    seconds = rate["milliseconds"] / 1000
    summary = {
        **known,
        **row(client, TOTALS),
        **row(client, COUNTS),
        **row(client, FEEDBACK),
        "receiver_accepted": receiver["accepted"],
        "duplicates": receiver["duplicates"],
        "dkim_checked": receiver["dkim_checked"],
        "dkim_failed": receiver["dkim_failed"],
        "messages_per_second": round(rate["done"] / seconds, 1) if seconds else 0.0,
    }
    return Result(summary, [dict(r) for r in client.query(PROVIDERS).named_results()])
