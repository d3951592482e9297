-- v_ledger, v_queue_age and v_queue give the same answers as before, from a fraction of the memory. They make one group
-- for each message, and a group held texts, tuples and a set of types: a million of them outgrew the memory, went to
-- disk and came back. Now a group is a few numbers (and v_queue leaves the texts to the messages that are open):
--   a message is 128 bits of hash of its tenant and id: as unlike all others as the id itself is;
--   tenants, lanes and domains are grouped by the hash of their names, and get their names when few rows are left. The
--   names are read first: one that is new since then shows in the next query;
--   "the first" is the smallest of one wide number: the time in its high bits, what is wanted in its low ones;
--   a set of types is a set of bits.

-- What the columns mean: 004_v_ledger.sql. Of a message:
--   born    milliseconds of acceptance (2^60 more of a mere event: any request is before it), 64 bits of tenant, lane
--   ending  those since the last replay first, then time, offset, and 3 bits of type: its place in `ends`, 0 for none
--   types   a bit for each type of ending; those since the last replay 8 bits higher
CREATE OR REPLACE VIEW v_ledger ${ON_CLUSTER} AS
WITH
    ['delivered', 'bounced', 'expired', 'suppressed', 'rejected', 'cancelled', 'in_doubt'] AS ends,
    bitShiftLeft(toInt64(1), 60) AS later,
    bitShiftLeft(toInt128(1), 120) AS behind
SELECT
    hour, CAST(lane, 'String') AS lane, tenant_id,
    accepted, delivered, bounced, expired, suppressed, rejected, cancelled, in_doubt, open, orphans,
    all_types - ended AS conflicts,
    toInt64(accepted) - toInt64(all_types) - toInt64(open) AS difference
FROM
(
    SELECT
        toStartOfHour(fromUnixTimestamp64Milli(if(is_accepted, born_ms, born_ms - later), 'UTC')) AS hour,
        place,
        countIf(is_accepted) AS accepted,
        countIf(outcome = 'delivered') AS delivered,
        countIf(outcome = 'bounced') AS bounced,
        countIf(outcome = 'expired') AS expired,
        countIf(outcome = 'suppressed') AS suppressed,
        countIf(outcome = 'rejected') AS rejected,
        countIf(outcome = 'cancelled') AS cancelled,
        countIf(outcome = 'in_doubt') AS in_doubt,
        countIf(is_accepted AND outcome = '') AS open,
        countIf(NOT is_accepted) AS orphans,
        countIf(outcome != '') AS ended,
        sum(bitCount(if(types > 255, bitShiftRight(types, 8), types))) AS all_types
    FROM
    (
        SELECT
            toInt64(bitShiftRight(min(born), 64)) AS born_ms,
            reinterpretAsUInt64(min(born)) AS place,
            born_ms < later / 2 AS is_accepted,
            ends[bitAnd(reinterpretAsUInt64(min(ending)), 7)] AS outcome,
            groupBitOr(type) AS types
        FROM
        (
            SELECT
                sipHash128(concat(tenant_id, reinterpretAsFixedString(message_id))) AS message,
                bitShiftLeft(toInt128(toUnixTimestamp64Milli(accepted_at)), 64)
                    + bitXor(sipHash64(tenant_id), cityHash64(lane)) AS born,
                behind AS ending,
                toUInt16(0) AS type
            FROM email_requests
            UNION ALL
            SELECT
                sipHash128(concat(tenant_id, reinterpretAsFixedString(message_id))),
                bitShiftLeft(toInt128(toUnixTimestamp64Milli(queued_at) + later), 64)
                    + bitXor(sipHash64(tenant_id), cityHash64(stream)),
                bitShiftLeft(toInt128(toUnixTimestamp64Milli(event_time)), 66) + bitShiftLeft(toInt128(kafka_offset), 3)
                    + indexOf(ends, event_type) - if(event_time >= replayed_at, behind, toInt128(0)),
                bitShiftLeft(toUInt16(1), indexOf(ends, event_type) + if(event_time >= replayed_at, 8, 0))
            FROM email_events
            GLOBAL ANY LEFT JOIN
            (
                SELECT tenant_id, message_id, max(accepted_at) AS replayed_at
                FROM email_requests
                WHERE replayed
                GROUP BY tenant_id, message_id
            ) AS replays USING (tenant_id, message_id)
            WHERE event_type IN ('delivered', 'bounced', 'expired', 'suppressed', 'rejected', 'cancelled', 'in_doubt')
        )
        GROUP BY message
    )
    GROUP BY hour, place
) AS counts
GLOBAL INNER JOIN
(
    SELECT tenant_id, lane, bitXor(sipHash64(tenant_id), cityHash64(lane)) AS place
    FROM
    (
        SELECT DISTINCT tenant_id, lane FROM email_requests
        UNION DISTINCT
        SELECT DISTINCT tenant_id, stream FROM email_events
    )
) AS names USING (place)
ORDER BY hour, lane, tenant_id;

-- What is waiting, and for how long already: open messages by lane and recipient domain.
--   born    milliseconds of acceptance (2^60 of a mere event: any request is before it), 64 bits of lane and domain
--   seen    bit 0: a request, bit 1: an ending
CREATE OR REPLACE VIEW v_queue_age ${ON_CLUSTER} AS
SELECT
    CAST(lane, 'String') AS lane,
    CAST(recipient_domain, 'String') AS recipient_domain,
    open,
    deferred,
    dateDiff('second', fromUnixTimestamp64Milli(oldest_ms, 'UTC'), now64(3, 'UTC')) AS oldest_seconds,
    most_deferrals
FROM
(
    SELECT
        place,
        count() AS open,
        countIf(deferrals > 0) AS deferred,
        min(born_ms) AS oldest_ms,
        max(deferrals) AS most_deferrals
    FROM
    (
        SELECT
            toInt64(bitShiftRight(min(born), 64)) AS born_ms,
            reinterpretAsUInt64(min(born)) AS place,
            sum(deferral) AS deferrals
        FROM
        (
            SELECT
                sipHash128(concat(tenant_id, reinterpretAsFixedString(message_id))) AS message,
                bitShiftLeft(toInt128(toUnixTimestamp64Milli(accepted_at)), 64)
                    + bitXor(sipHash64(lane), cityHash64(recipient_domain)) AS born,
                toUInt8(1) AS seen,
                false AS deferral
            FROM email_requests
            UNION ALL
            SELECT
                sipHash128(concat(tenant_id, reinterpretAsFixedString(message_id))),
                bitShiftLeft(toInt128(1), 124),
                if(event_type = 'deferred', 0, 2), event_type = 'deferred'
            FROM email_events
            WHERE event_type IN ('delivered', 'bounced', 'expired', 'suppressed', 'rejected', 'cancelled', 'in_doubt')
               OR event_type = 'deferred'
        )
        GROUP BY message
        HAVING groupBitOr(seen) = 1
    )
    GROUP BY place
) AS waiting
GLOBAL INNER JOIN
(
    SELECT lane, recipient_domain, bitXor(sipHash64(lane), cityHash64(recipient_domain)) AS place
    FROM (SELECT DISTINCT lane, recipient_domain FROM email_requests)
) AS names USING (place)
ORDER BY oldest_seconds DESC, lane, recipient_domain;

-- Open messages and what they wait for (006_v_messages.sql). Which are open is asked first, with a byte for each (as
-- `seen` above): v_messages then has only their texts to gather.
CREATE OR REPLACE VIEW v_queue ${ON_CLUSTER} AS
SELECT
    lane,
    provider,
    tenant_id,
    if(last_event = '', 'new', last_event) AS state,
    last_reason AS reason,
    count() AS open,
    min(accepted_at) AS oldest,
    dateDiff('second', oldest, now64(3, 'UTC')) AS oldest_seconds,
    min(due_at) AS next_due,
    countIf(due_at < now64(3, 'UTC') - INTERVAL 30 SECOND) AS overdue,
    max(attempt) AS most_attempts
FROM v_messages
WHERE is_accepted AND outcome = '' AND sipHash128(concat(tenant_id, reinterpretAsFixedString(message_id))) GLOBAL IN
(
    SELECT message
    FROM
    (
        SELECT sipHash128(concat(tenant_id, reinterpretAsFixedString(message_id))) AS message, toUInt8(1) AS seen
        FROM email_requests
        UNION ALL
        SELECT sipHash128(concat(tenant_id, reinterpretAsFixedString(message_id))), 2
        FROM email_events
        WHERE event_type IN ('delivered', 'bounced', 'expired', 'suppressed', 'rejected', 'cancelled', 'in_doubt')
    )
    GROUP BY message
    HAVING groupBitOr(seen) = 1
)
GROUP BY lane, provider, tenant_id, state, reason
ORDER BY open DESC, lane, provider, tenant_id, state, reason;
