"""`streampost inspect` and `streampost classify`: what came back, and what a reply means, one JSON line each."""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from streams.bounces import Inspection

STDIN = Path("-")

# RFC 4155: a line "From sender date" after an empty line begins the next mail
_ENVELOPE = re.compile(rb"From \S+ .*\d\d:\d\d.*")
_REPLY = re.compile(r"\s*(?:<<<|S:)?\s*([2-5]\d\d)(?:([ -])(.*)|\s*\Z)", re.DOTALL)
_ENHANCED = re.compile(r"\s*#?([245]\.\d{1,3}\.\d{1,3})\b")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("inspect")(inspect_command)
    app.command("classify")(classify_command)


def inspect_command(
    files: Annotated[list[Path] | None, typer.Argument(help="Mails or mboxes; - or nothing reads stdin.")] = None,
) -> None:
    """Say of each mail whether it is a bounce, a complaint or something else, and whom it is about."""
    failed = False
    for path in files or [STDIN]:
        try:
            with _opened(path) as stream:
                for raw in split_mbox(stream):
                    sys.stdout.write(mail_line(str(path), raw) + "\n")
        except OSError as e:
            failed = True
            sys.stderr.write(f"{path}: {e.strerror or e}\n")
    sys.stdout.flush()
    if failed:
        raise typer.Exit(1)


def classify_command(
    stage: Annotated[str, typer.Option(help="Where the replies came: connect, mail, rcpt, body, …")] = "rcpt",
) -> None:
    """Classify SMTP replies from stdin, one a line; lines of one reply (550-…) belong together."""
    from streams.classify import STAGES  # noqa: PLC0415

    if stage not in STAGES:
        raise typer.BadParameter(f"one of {', '.join(STAGES)} is wanted", param_hint="--stage")
    text = (line.decode("utf-8", "replace").rstrip("\r\n") for line in sys.stdin.buffer)
    for reply in replies(text):
        sys.stdout.write(reply_line(stage, reply) + "\n")
    sys.stdout.flush()


def _opened(path: Path) -> IO[bytes]:
    return open(sys.stdin.fileno(), "rb", closefd=False) if path == STDIN else path.open("rb")


def split_mbox(stream: Iterable[bytes]) -> Iterator[bytes]:
    """The mails of an mbox; a file that does not begin with an envelope line is one mail. Holds one mail at a time."""
    from streams.bounces.mail import MAX_SIZE  # noqa: PLC0415

    lines: list[bytes] = []
    size = 0
    mbox = False
    for number, line in enumerate(stream):
        if number == 0:
            mbox = _ENVELOPE.match(line) is not None
        elif mbox and _ENVELOPE.match(line) and not lines[-1].strip():
            yield b"".join(lines)
            lines, size = [], 0
        size += len(line)
        if size <= MAX_SIZE + 1 or not lines:  # one octet too many tells the reader that the mail is too large
            lines.append(line)
        else:
            lines[-1] = lines[-1][-1:]
    if lines:
        yield b"".join(lines)


def mail_line(file: str, raw: bytes) -> str:
    """The JSON line of one mail."""
    from streams.bounces import inspect  # noqa: PLC0415

    return json.dumps({"file": file, **as_json(inspect(raw))})


def as_json(found: "Inspection") -> dict[str, Any]:
    """An Inspection under the names of the command's output; `problem` only when there is one."""
    recipients = [
        {
            "address": r.address,
            "action": r.action,
            "status": r.status,
            "reply_code": r.reply_code,
            "class": r.bounce_class,
            "hard": r.hard,
            "diagnostic": r.diagnostic,
        }
        for r in found.recipients
    ]
    fields: dict[str, Any] = {
        "kind": found.kind,
        "feedback_type": found.feedback_type,
        "recipients": recipients,
        "message_id": found.message_id,
        "token": found.token,
    }
    return {**fields, "problem": found.problem} if found.problem else fields


def replies(lines: Iterable[str]) -> Iterator[str]:
    """Lines of one reply joined by newlines; empty lines are skipped."""
    pending: list[str] = []
    for line in lines:
        if not line.strip():
            continue
        pending.append(line)
        found = _REPLY.match(line)
        if not (found and found[2] == "-") or len(pending) >= 100:
            yield "\n".join(pending)
            pending = []
    if pending:
        yield "\n".join(pending)


def reply_line(stage: str, reply: str) -> str:
    """The JSON line of one reply. Text without a code is classified by its words."""
    from streams.classify import classify  # noqa: PLC0415

    matches = [_REPLY.match(line) for line in reply.split("\n")]
    code = next((int(m[1]) for m in matches if m), 0)
    text = "\n".join((m[3] or "") if m else line for m, line in zip(matches, reply.split("\n"), strict=True))
    found = _ENHANCED.match(text)
    enhanced = found[1] if found and (not code or found[1][0] == str(code)[0]) else ""
    verdict = classify(stage, code, enhanced, text)
    return json.dumps(
        {
            "reply": reply,
            "code": code,
            "enhanced": enhanced,
            "class": verdict.bounce_class,
            "hard": verdict.hard,
            "scope": verdict.scope,
            "permanent": verdict.permanent,
            "advice": verdict.advice,
            "rule": verdict.rule,
        }
    )
