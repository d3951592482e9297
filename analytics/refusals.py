"""Refusals of the past, each kind of words once, and the record of what today's rules say of them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from clickhouse_connect.driver.client import Client


class Refusal(NamedTuple):
    """Words that were classified, with the class then in force (that of the last reclassification if there was one)."""

    stage: str
    smtp_code: int
    enhanced_code: str
    diagnostic: str
    bounce_class: str
    bounce_type: str
    events: int


class Reclassified(NamedTuple):
    """What is in force from now on for such words."""

    stage: str
    smtp_code: int
    enhanced_code: str
    diagnostic: str
    bounce_class: str
    bounce_type: str


_SELECT = """
SELECT e.stage, e.smtp_code, e.enhanced_code, e.diagnostic,
    if(now.bounce_class != '', now.bounce_class, e.bounce_class) AS old_class,
    if(now.bounce_class != '', now.bounce_type, e.bounce_type) AS old_type,
    sum(e.events) AS events
FROM
(
    SELECT toString(attrs['stage']) AS stage, smtp_code, toString(enhanced_code) AS enhanced_code, diagnostic,
        toString(bounce_class) AS bounce_class, toString(bounce_type) AS bounce_type, count() AS events
    FROM email_events
    WHERE event_type IN ('bounced', 'bounced_late', 'expired', 'deferred') AND diagnostic != '' AND bounce_class != ''
      AND (smtp_code >= 400 OR attrs['stage'] = 'dsn')
      AND event_time >= fromUnixTimestamp64Milli({since:Int64})
    GROUP BY stage, smtp_code, enhanced_code, diagnostic, bounce_class, bounce_type
) AS e
GLOBAL ANY LEFT JOIN v_reclassified AS now USING (stage, smtp_code, enhanced_code, diagnostic)
GROUP BY e.stage, e.smtp_code, e.enhanced_code, e.diagnostic, old_class, old_type
ORDER BY events DESC"""


def refusals(client: Client, since_ms: int) -> Iterator[Refusal]:
    """Everything that was refused since then, the most frequent words first."""
    with client.query_row_block_stream(_SELECT, parameters={"since": since_ms}) as blocks:
        for block in blocks:
            yield from (Refusal(*row) for row in block)


def record(client: Client, rows: Sequence[Reclassified]) -> None:
    """Put them in force; the events stay as they were written."""
    if rows:
        client.insert("bounce_reclassified_local", rows, column_names=list(Reclassified._fields))
