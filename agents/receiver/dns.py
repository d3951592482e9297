"""A small DNS server over UDP and TCP (RFC 1035) on loopback: the only names that demo and tests can resolve."""

import asyncio
import struct
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from agents.receiver.zone import Entry, Zone, find

TTL = 60
UDP_SIZE = 1232


class DnsServer:
    """Answers from `zone`, which may change while it runs. Names in no zone do not exist."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.queries = 0
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen on UDP and TCP with the same port; the answer is the port. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._tcp = await asyncio.start_server(self._serve_tcp, host, port)
        port = self._tcp.sockets[0].getsockname()[1]
        udp, _ = await loop.create_datagram_endpoint(lambda: _Udp(self), local_addr=(host, port))
        self._udp = udp
        return port

    def close(self) -> None:
        """Stop listening."""
        if self._udp:
            self._udp.close()
        if self._tcp:
            self._tcp.close()

    def respond(self, wire: bytes, limit: int | None = None) -> bytes | None:
        """The answer to one query message, cut to `limit` bytes with TC set; None means no answer at all."""
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        self.queries += 1
        response = dns.message.make_response(query, recursion_available=True)
        if not query.question:
            response.set_rcode(dns.rcode.FORMERR)
            return response.to_wire()
        if not self._fill(response, query.question[0]):
            return None
        if limit is None:
            return response.to_wire()
        try:
            return response.to_wire(max_size=min(limit, query.payload or 512) if query.edns >= 0 else 512)
        except dns.exception.TooBig:
            response.answer.clear()
            response.flags |= dns.flags.TC
            return response.to_wire()

    def _fill(self, response: dns.message.Message, question: dns.rrset.RRset) -> bool:
        name, kind = question.name, dns.rdatatype.to_text(question.rdtype)
        for _ in range(8):  # a chain of aliases, not a circle
            entry = find(self.zone, name.to_text(omit_final_dot=True).lower())
            rcode = entry.get("answer") if entry else "nxdomain"
            if rcode == "timeout":
                return False
            if entry is None or rcode:
                response.set_rcode(dns.rcode.SERVFAIL if rcode == "servfail" else dns.rcode.NXDOMAIN)
                return True
            if kind == "CNAME" or "CNAME" not in entry:
                _add(response, name, kind, entry)
                return True
            _add(response, name, "CNAME", entry)
            name = dns.name.from_text(entry["CNAME"][0])
        response.set_rcode(dns.rcode.SERVFAIL)
        return True

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (size,) = struct.unpack("!H", await reader.readexactly(2))
                answer = self.respond(await reader.readexactly(size))
                if answer is not None:
                    writer.write(struct.pack("!H", len(answer)) + answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has left: a TCP query ends so
        finally:
            writer.close()


def _add(response: dns.message.Message, name: dns.name.Name, kind: str, entry: Entry) -> None:
    if records := entry.get(kind):
        rows = [_quoted(r) if kind == "TXT" else r if kind in ("A", "AAAA") else _absolute(r) for r in records]
        response.answer.append(dns.rrset.from_text(name, TTL, "IN", kind, *rows))


def _quoted(text: str) -> str:
    # a TXT string holds 255 octets; longer ones, such as RSA keys, are several (RFC 7208 section 3.3, RFC 6376 3.6.2.2)
    parts = [text[i : i + 255] for i in range(0, len(text), 255)] or [""]
    return " ".join('"' + p.replace("\\", "\\\\").replace('"', '\\"') + '"' for p in parts)


def _absolute(record: str) -> str:
    return record if record.endswith(".") else record + "."


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._server.respond(data, UDP_SIZE)
        if answer is not None:
            self._transport.sendto(answer, addr)
