"""CPU of the pure steps alone, against the standard library and stock dkimpy. Run by hand: python tests/bench/steps.py

Microseconds per message, the best of several rounds (`time.process_time`), for messages of 1, 10 and 100 KB whose HTML
is indented, partly non-ASCII, with a text part of a fifth of it. "signatures" is the share of one RSA-2048 signature
made in the same run, so that runs on different machines can be compared.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[2]))

import dkim
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from agents.keys import create_key, load_signer
from schemas.records import Template
from streams.dkim import Signer, relaxed_body, sign_headers
from streams.encode import text_part
from streams.mime import Built, Content, build
from streams.render import Compiled, Rendered, compile_template, render

ROW = '      <tr><td style="padding:8px 16px;color:#333">{word} nº {i}</td><td align="right">€ {i}.00</td></tr>\n'
PLAIN = '      <tr><td style="padding:8px 16px;color:#333">Item number {i}</td><td align="right">{i}.00 EUR</td></tr>\n'


def html_of(size: int, row: str = ROW) -> str:
    """An HTML message of about `size` octets."""
    rows = "".join(row.format(word="Größe", i=i) for i in range(max(1, size // len(row.encode()))))
    return f"<!DOCTYPE html>\n<html><body>\n  <table>\n{rows}  </table>\n</body></html>\n"


def text_of(size: int) -> str:
    """A text part of about `size` octets."""
    return "Größe, Menge und Preis: siehe oben, vielen Dank für Ihre Bestellung.\n" * max(1, size // 70)


def content(html: str, text: str) -> Content:
    """A bulk message with every header."""
    return Content(
        sender="news@letter.example",
        sender_name="Die Läden, Köln",
        recipient="someone@gmail.test",
        recipient_name="Jörg Müller",
        subject="Ihre Bestellung, vielen Dank, Jörg",
        message_id="0b9f5c7e-8a37-4d0e-9a53-2f8f1c0b7d11",
        host="letter.example",
        date_ms=1_790_000_000_000,
        seed=b"0123456789ab",
        lane="bulk",
        text=text,
        html=html,
        list_id="news.letter.example",
        list_unsubscribe_url="https://letter.example/unsubscribe/0b9f5c7e-8a37-4d0e-9a53-2f8f1c0b7d11",
        list_unsubscribe_mailto="mailto:unsubscribe@letter.example?subject=unsubscribe",
        feedback_id="autumn:order:bulk:letter",
    )


def built(message: Content) -> Built:
    """The message; the bench's own content is valid."""
    made = build(message)
    assert isinstance(made, Built)
    return made


def by_stdlib(message: Content) -> bytes:
    """The same message by email.message.EmailMessage."""
    mail = EmailMessage(policy=SMTP.clone(max_line_length=998))
    mail["From"] = Address(message.sender_name, addr_spec=message.sender)
    mail["To"] = Address(message.recipient_name, addr_spec=message.recipient)
    mail["Subject"] = message.subject
    mail["Date"] = "Mon, 21 Sep 2026 14:13:20 +0000"
    mail["Message-ID"] = f"<{message.message_id}@{message.host}>"
    mail["List-Unsubscribe"] = f"<{message.list_unsubscribe_url}>, <{message.list_unsubscribe_mailto}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    return mail.as_bytes()


def microseconds(step: Callable[[], object], rounds: int) -> float:
    """Process time of one call, the best round."""
    step()
    calls, best = 1, float("inf")
    for _ in range(rounds):
        while True:
            start = time.process_time()
            for _ in range(calls):
                step()
            spent = time.process_time() - start
            if spent > 0.02:
                break
            calls *= 4
        best = min(best, spent / calls * 1e6)
    return best


def steps(kilobytes: int, signer: Signer, pem: bytes) -> dict[str, Callable[[], object]]:
    """Name -> one call, for messages of this size."""
    html, text = html_of(kilobytes * 820), text_of(kilobytes * 180)
    message = content(html, text)
    plain = content(html_of(kilobytes * 820, PLAIN), "Thank you for your order.\n" * (kilobytes * 7))
    made, made_plain = built(message), built(plain)
    head = b"".join(f"{n}: {v}\r\n".encode() for n, v in made.headers)
    wire = head + b"\r\n" + made.body
    include = [b"from", b"to", b"subject", b"date", b"message-id", b"list-unsubscribe", b"list-unsubscribe-post"]
    nothing = signer._replace(sign=lambda data: bytes(256))
    compiled = compile_template(Template("t", 1, subject="Hello {{ name }}", html=html + "{{ name }}", text=text))
    assert isinstance(compiled, Compiled)

    def stock() -> object:
        return dkim.sign(
            wire, b"s", b"letter.example", pem, canonicalize=(b"relaxed", b"relaxed"), include_headers=include
        )

    def rendered() -> object:
        found = render(compiled, {"name": "Jörg"})
        assert isinstance(found, Rendered)
        return found

    return {
        "render": rendered,
        "encode (html)": lambda: text_part(html),
        "mime": lambda: build(message),
        "mime, ASCII": lambda: build(plain),
        "mime by the standard library": lambda: by_stdlib(message),
        "canonical body": lambda: relaxed_body(made.body),
        "sign without RSA": lambda: sign_headers(made.headers, made.body, [nothing], 1_790_000_000),
        "sign without RSA, ASCII": lambda: sign_headers(made_plain.headers, made_plain.body, [nothing], 1_790_000_000),
        "sign without RSA, simple": lambda: sign_headers(made.headers, made.body, [nothing], 1_790_000_000, "simple"),
        "sign": lambda: sign_headers(made.headers, made.body, [signer], 1_790_000_000),
        "sign by stock dkimpy": stock,
    }


def main() -> None:
    """Measure and print; --json FILE writes the numbers too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    sizes = (1, 10, 100)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "s.pem"
        key = create_key(path)
        signer = load_signer(path, "letter.example", "s")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    rsa = microseconds(lambda: signer.sign(b"x" * 1500), options.rounds)
    table = {
        size: {name: microseconds(step, options.rounds) for name, step in steps(size, signer, pem).items()}
        for size in sizes
    }
    print(f"{'us per message':30}" + "".join(f"{f'{size} KB':>12}" for size in sizes) + f"{'sign. at 10':>14}")
    print(f"{'RSA-2048 signature':30}" + f"{rsa:12.1f}" * len(sizes) + f"{1:14.2f}")
    for name in table[1]:
        print(f"{name:30}" + "".join(f"{table[s][name]:12.1f}" for s in sizes) + f"{table[10][name] / rsa:14.2f}")
    if options.json:
        options.json.write_text(json.dumps({"rsa_us": rsa, "steps_us": table}, indent=2) + "\n")


if __name__ == "__main__":
    main()
