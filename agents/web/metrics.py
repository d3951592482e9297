"""What `streampost web` counts. Registered in agents/web/server.py."""

from prometheus_client import Counter, Histogram

REQUESTS = Counter("streampost_web_requests", "Requests by route and status.", ("route", "status"), registry=None)
REFUSED = Counter("streampost_web_refused_tokens", "Tokens that say nothing.", ("route", "fault"), registry=None)
ORDERS = Counter("streampost_web_orders", "Orders carried out, by what was asked for.", ("verb",), registry=None)
EVENTS = Counter("streampost_web_events", "Events written, by type and bot.", ("type", "bot"), registry=None)
UNTRACKED = Counter("streampost_web_untracked", "Asked not to be tracked: no event.", ("route",), registry=None)
DROPPED = Counter(
    "streampost_web_dropped_events", "Opens and clicks lost while Kafka was away.", ("type",), registry=None
)
CONFIRM = Histogram("streampost_web_confirm_seconds", "Until Kafka has confirmed an order.", registry=None)

METRICS = (REQUESTS, REFUSED, ORDERS, EVENTS, UNTRACKED, DROPPED, CONFIRM)
