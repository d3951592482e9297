"""What records cost: codec, typed values, headers and ids, in microseconds a call. `python -m tests.bench.codec`."""

import json
import timeit
from collections.abc import Callable
from typing import Any

from schemas import codec
from schemas.avro_files import current
from schemas.headers import AttemptState, from_headers, to_headers
from schemas.ids import event_id, message_uuid
from schemas.request import EmailRequest

SMALL: dict[str, Any] = codec.decode(
    "EmailRequest",
    json.dumps(
        {
            "id": "0192f0c1-2f5e-7cc3-8a55-0c6f1e5b8a11",
            "tenant": "shop",
            "recipient": "ada@example.com",
            "sender": {"address": "orders@shop.example", "name": "Shop"},
            "template_id": "order-confirmation",
            "template_version": 3,
            "variables": {"name": "Ada", "order": 4711, "total": "12.50"},
            "campaign": "orders",
            "tags": ["order"],
            "created_at": 1_790_000_000_000,
        }
    ).encode(),
)


def cases() -> dict[str, Callable[[], Any]]:
    """What is measured, by name."""
    raw, state = codec.encode("EmailRequest", SMALL), AttemptState(attempt=2, accepted_topic="email.requests.bulk")
    request, headers = EmailRequest.from_dict(SMALL), to_headers(state)
    as_json = json.dumps({k: v for k, v in SMALL.items() if v is not None}).encode()
    current("EmailRequest")
    return {
        "codec.encode request": lambda: codec.encode("EmailRequest", SMALL),
        "codec.decode request": lambda: codec.decode("EmailRequest", raw),
        "codec.decode request, JSON": lambda: codec.decode("EmailRequest", as_json),
        "EmailRequest.from_dict": lambda: EmailRequest.from_dict(SMALL),
        "EmailRequest.to_dict": request.to_dict,
        "headers to": lambda: to_headers(state),
        "headers from": lambda: from_headers(headers),
        "message_uuid": lambda: message_uuid("shop", "order-4711"),
        "event_id": lambda: event_id("0192f0c1-2f5e-7cc3-8a55-0c6f1e5b8a11", "delivered", 1),
    }


def microseconds(call: Callable[[], Any], repeat: int = 5, number: int = 5000) -> float:
    """The best of several runs: the others were disturbed."""
    return min(timeit.repeat(call, repeat=repeat, number=number)) / number * 1e6


def main() -> None:
    """Measure every case."""
    found = {name: round(microseconds(call), 2) for name, call in cases().items()}
    print(json.dumps({"microseconds": found}, indent=2))


if __name__ == "__main__":
    main()
