"""Mail for a relay does not depend on our DNS: the relay decides whether it can go on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postfix_relay import PASSWORD, USER, running_relay
from tests.support.proxies import free_port
from tests.support.sources import ONE, Setting, setting

pytestmark = pytest.mark.kafka

NO_ROUTE = ["nxdomain.test", "servfail.test", "timeout.test", "null-mx.test", "mx-literal.test"]
"""As the receiver's DNS answers them (agents/receiver/zone.py)."""


@pytest.fixture
def found(kafka: str, tmp_path: Path) -> Iterator[Setting]:
    with setting(kafka, tmp_path, ONE) as s:
        yield s


def relay_at(port: int, tls: str = "none", more: str = "") -> str:
    return f'relay = {{ host = "localhost", port = {port}, tls = "{tls}"{more} }}'


def test_c2_20_what_dns_has_no_route_for_goes_by_the_relay_of_the_pool(found: Setting) -> None:
    found.pools(relay_at(found.site.receiver.smtp))
    for domain in NO_ROUTE:
        (request,) = found.send(1, f"ann@{domain}")
        event = found.site.outcome(request)
        assert (event.event_type, event.source_ip, event.provider) == ("delivered", "two", "other"), event
        assert found.site.taken(request) == 1
    assert found.sources(found.send(10)) == {"one": 5, "two": 5}, "with a route every source of the pool takes it"


def test_c2_20_while_the_relay_is_down_it_waits_and_is_not_bounced(found: Setting) -> None:
    found.pools(relay_at(free_port()))
    (request,) = found.send(1, "ann@nxdomain.test")
    event = found.site.outcome(request)
    assert (event.event_type, event.attempt) == ("throttled", 1)
    assert event.reason.startswith("no source of the pool bulk is usable (two: relay localhost")
    found.pools(relay_at(found.site.receiver.smtp))
    assert found.site.outcome(request, "delivered", "bounced").event_type == "delivered"


def test_without_a_relay_in_its_pool_it_bounces(found: Setting) -> None:
    (request,) = found.send(1, "ann@nxdomain.test")
    event = found.site.outcome(request)
    assert (event.event_type, event.enhanced_code) == ("bounced", "5.1.2")


def test_a_worker_without_any_dns_sends_through_postfix_with_tls_and_login(kafka: str, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text(f"{USER}\n{PASSWORD}\n")
    nowhere = f"127.0.0.1:{free_port()}"
    with (
        setting(kafka, tmp_path, ONE, dns_servers=nowhere) as s,
        running_relay(s.site.receiver.smtp) as postfix,
    ):
        more = f', credentials_file = "{credentials}", ca_file = "{postfix.ca_file}"'
        s.pools(relay_at(postfix.port, "starttls", more), "two = 1")
        requests = [r for name in ("harbour-books.test", "gmail.test", "a.example") for r in s.send(3, f"ann@{name}")]
        for request in requests:
            event = s.site.outcome(request)
            assert (event.event_type, event.source_ip, event.tls_version[:5]) == ("delivered", "two", "TLSv1"), event
        s.site.receiver.wait_for(len(requests))
        assert s.taken(requests) == [1] * len(requests)
        providers = {e.provider for e in map(s.site.outcome, requests)}
        assert providers == {"gmail", "other"}, "known by the domain itself"
