"""Whatever a server answers, and however the commands go out: every recipient gets exactly one result, its own."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from streams.ehlo import Capabilities
from streams.replies import Reply
from streams.smtp import Envelope, Transaction, dot_stuffed

CODES = st.sampled_from([200, 250, 251, 354, 354, 421, 450, 451, 452, 500, 503, 550, 552, 554])
CAPS = st.builds(
    Capabilities, pipelining=st.booleans(), chunking=st.booleans(), size=st.sampled_from([None, 0, 10_000])
)
MESSAGE = b"Subject: x\r\n\r\n.dot\r\n"


class Server:
    """Reads commands off the wire and answers each in order with the next code; remembers which got which."""

    def __init__(self, codes: deque[int]) -> None:
        self._codes = codes
        self._wire = b""
        self._in_data = False
        self.answers: deque[Reply] = deque()
        self.said: list[tuple[str, Reply]] = []
        self.bodies: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._wire += data
        while self._step():
            pass

    def _step(self) -> bool:
        if self._in_data:
            whole = b"\r\n" + self._wire
            end = whole.find(b"\r\n.\r\n")
            if end < 0:
                return False
            self.bodies.append(whole[2 : end + 2])
            self._wire, self._in_data = whole[end + 5 :], False
            self._answer(".")
            return True
        line, found, rest = self._wire.partition(b"\r\n")
        if not found:
            return False
        self._wire = rest
        if line.startswith(b"BDAT"):
            size = int(line.split()[1])
            self.bodies.append(rest[:size])
            self._wire = rest[size:]
        reply = self._answer(line.decode())
        self._in_data = line == b"DATA" and reply.code == 354
        return True

    def _answer(self, command: str) -> Reply:
        reply = Reply(self._codes.popleft() if self._codes else 250, f"{len(self.said)} {command[:20]}")
        self.said.append((command, reply))
        self.answers.append(reply)
        return reply


@given(CAPS, st.booleans(), st.booleans(), st.integers(1, 5), st.lists(CODES, max_size=12))
def test_every_recipient_gets_exactly_one_result(
    caps: Capabilities, bdat: bool, reset: bool, count: int, codes: list[int]
) -> None:
    envelope = Envelope("b@bounce.test", tuple(f"r{i}@x.test" for i in range(count)))
    server, transaction = Server(deque(codes)), Transaction(envelope, MESSAGE, caps, bdat)
    server.write(transaction.open(reset))
    while not transaction.finished:
        if transaction.wants_body:
            server.write(transaction.body())
            continue
        assert server.answers, "a reply is awaited that nobody owes"
        server.write(transaction.on_reply(server.answers.popleft()))
    assert not server.answers, "replies are left that nobody took"

    assert set(transaction.results) == set(envelope.recipients)
    said = [(command, reply) for command, reply in server.said if not command.startswith("RSET")]
    mail = said[0][1]
    last = said[-1][1]
    for recipient, result in transaction.results.items():
        own = next((reply for command, reply in said if command == f"RCPT TO:<{recipient}>"), None)
        if not mail.positive:
            assert result == ("mail", mail)
        elif own is not None and not own.positive:
            assert result == ("rcpt", own)
        else:
            assert result == (result.stage, last)
            assert result.stage == ("body" if server.bodies else "data")
    taken = any(result.stage == "body" for result in transaction.results.values())
    if taken:
        assert server.bodies in ([MESSAGE], [dot_stuffed(MESSAGE)[:-3]])
    if bdat and caps.chunking:
        assert transaction.needs_reset is not (taken and last.positive)


@given(st.binary(max_size=300).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b"\r\n") + b"\r\n"))
def test_c1_2_dot_stuffing_is_undone_by_the_rule(message: bytes) -> None:
    """RFC 5321 section 4.5.2, as the receiving side has it, line by line."""
    lines = dot_stuffed(message).split(b"\r\n")
    assert lines[-2:] == [b".", b""]
    assert b"." not in lines[:-2]
    assert b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines[:-2]) + b"\r\n" == message
