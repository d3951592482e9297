"""The loopback DNS, asked by dnspython's resolver over UDP and TCP."""

import json
from collections.abc import Iterator
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.resolver
import pytest

from streams.personalities import provider_domains
from tests.support.receiver import Receiver, running_receiver

LONG = "v=DKIM1; k=rsa; p=" + "A" * 900


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    folder = tmp_path_factory.mktemp("receiver")
    toml, more = folder / "zone.toml", folder / "zone.json"
    toml.write_text(f'["S1._domainkey.shop.test."]\nTXT = ["{LONG}"]\n')
    more.write_text(json.dumps({"gmail.test": {"MX": ["5 elsewhere.test"]}, "six.test": {"AAAA": ["::1"]}}))
    with running_receiver(folder, zone=[toml, more]) as running:
        yield running


def resolver(receiver: Receiver) -> dns.resolver.Resolver:
    own = dns.resolver.Resolver(configure=False)
    own.nameservers = ["127.0.0.1"]
    own.port = receiver.dns
    own.lifetime = 1.0
    return own


def ask(receiver: Receiver, name: str, kind: str, **options: bool) -> list[str]:
    return sorted(str(r) for r in resolver(receiver).resolve(name, kind, **options))


def test_every_demo_domain_leads_to_an_address_where_the_receiver_listens(receiver: Receiver) -> None:
    for domain in provider_domains():
        if domain.domain == "gmail.test":  # replaced by the zone file
            continue
        found = [text.split()[1].rstrip(".") for text in ask(receiver, domain.domain, "MX")]
        assert sorted(found) == sorted(domain.mx)
        for name in found:
            assert all(a.startswith("127.0.0.") for a in ask(receiver, name, "A"))


def test_preferences_are_in_order(receiver: Receiver) -> None:
    answer = resolver(receiver).resolve("yahoo.test", "MX")
    assert [str(r.exchange) for r in sorted(answer, key=lambda r: r.preference)] == [
        "mta5.am0.yahoo.test.",
        "mta6.am0.yahoo.test.",
        "mta7.am0.yahoo.test.",
    ]
    assert answer.rrset is not None
    assert answer.rrset.ttl == 60


def test_zone_files_win_over_the_default(receiver: Receiver) -> None:
    assert ask(receiver, "gmail.test", "MX") == ["5 elsewhere.test."]
    assert ask(receiver, "six.test", "AAAA") == ["::1"]


def test_wildcards_and_upper_case(receiver: Receiver) -> None:
    assert [text.lower() for text in ask(receiver, "Any.Thing.TEST", "MX")] == ["10 mx.generic.test."]
    assert ask(receiver, "any.thing.example", "A") == ["127.0.0.1"]


def test_c2_19_null_mx(receiver: Receiver) -> None:
    assert ask(receiver, "null-mx.test", "MX") == ["0 ."]


def test_c2_20_failures(receiver: Receiver) -> None:
    with pytest.raises(dns.resolver.NXDOMAIN):
        ask(receiver, "nxdomain.test", "MX")
    with pytest.raises(dns.resolver.NoNameservers, match="SERVFAIL"):
        ask(receiver, "servfail.test", "MX")
    with pytest.raises(dns.exception.Timeout):
        ask(receiver, "timeout.test", "MX")
    assert ask(receiver, "mx-cname.test", "MX") == ["10 alias.mx.test."]
    assert ask(receiver, "alias.mx.test", "A") == ["127.0.0.1"]


@pytest.mark.parametrize("name", ["gmail.com", "outlook.com", "example.com", "test", "localhost"])
def test_no_real_name_exists(receiver: Receiver, name: str) -> None:
    for kind in ("MX", "A"):
        with pytest.raises(dns.resolver.NXDOMAIN):
            ask(receiver, name, kind)


def test_c2_18_no_mx_is_nodata(receiver: Receiver) -> None:
    with pytest.raises(dns.resolver.NoAnswer):
        ask(receiver, "no-mx.test", "MX")
    assert ask(receiver, "no-mx.test", "A") == ["127.0.0.1"]


@pytest.mark.parametrize("tcp", [False, True])
def test_c5_38_a_long_key_is_several_strings(receiver: Receiver, tcp: bool) -> None:
    (record,) = resolver(receiver).resolve("s1._domainkey.shop.test", "TXT", tcp=tcp)
    assert [len(s) for s in record.strings] == [255, 255, 255, len(LONG) - 765]
    assert b"".join(record.strings).decode() == LONG


def test_what_does_not_fit_udp_is_cut_and_comes_over_tcp(receiver: Receiver) -> None:
    query = dns.message.make_query("s1._domainkey.shop.test", "TXT")
    cut = dns.query.udp(query, "127.0.0.1", timeout=5, port=receiver.dns)
    assert cut.flags & dns.flags.TC
    assert cut.answer == []
    whole, tcp = dns.query.udp_with_fallback(query, "127.0.0.1", timeout=5, port=receiver.dns)
    assert tcp
    assert len(whole.answer) == 1


def test_names_can_be_added_while_it_runs(receiver: Receiver) -> None:
    receiver.add_names({"new.example": {"MX": ["1 mx1.gmail.test"]}})
    assert ask(receiver, "new.example", "MX") == ["1 mx1.gmail.test."]
    assert receiver.stats()["dns_queries"] > 0


def test_garbage_is_ignored(receiver: Receiver) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"\x00\x01garbage", ("127.0.0.1", receiver.dns))
        client.sendto(b"", ("127.0.0.1", receiver.dns))
    assert ask(receiver, "me.test", "A") == ["127.0.0.5"]


def test_a_wrong_zone_file_stops_the_start(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('["a.test"]\nMXX = ["1 b.test"]\n')
    with pytest.raises(RuntimeError, match=r"wrong.toml: a.test: unknown MXX"), running_receiver(tmp_path, zone=wrong):
        pass
