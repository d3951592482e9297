"""What a request asks: an insert with its data, a read, or something else."""

import re
from typing import NamedTuple

_IDENTIFIER = rb'(?:`[^`]+`|"[^"]+"|\w+)'
_INSERT = re.compile(
    rb"\s*(?P<head>INSERT\s+INTO\s+(?:TABLE\s+)?"
    + _IDENTIFIER
    + rb"(?:\."
    + _IDENTIFIER
    + rb")?\s*(?:\([^()]*\))?\s*(?:SETTINGS\s[^;()]*?)?)\s*\bFORMAT\s+(?P<format>\w+)[ \t\r]*[\n;]?",
    re.IGNORECASE,
)
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*(?:SETTINGS\b[^()]*)?;?\s*\Z", re.IGNORECASE)
_READ = re.compile(r"\s*(?:\(|(?:SELECT|WITH|SHOW|DESC|DESCRIBE|EXISTS|EXPLAIN|CHECK)\b)", re.IGNORECASE)


class Statement(NamedTuple):
    """`data` and `input_format` only for an insert that carries data; `output_format` only where the text names one."""

    sql: str
    is_read: bool
    input_format: str | None = None
    data: bytes = b""
    output_format: str | None = None


def parse(query: bytes) -> Statement:
    """Split one statement. Raises UnicodeDecodeError for SQL that is not UTF-8; data may be any bytes."""
    if found := _INSERT.match(query):
        return Statement(found["head"].decode().rstrip(), False, found["format"].decode(), query[found.end() :])
    sql = query.decode()
    output = _FORMAT.search(sql)
    return Statement(sql, bool(_READ.match(sql)), output_format=output.group(1) if output else None)


def literal(value: str) -> str:
    """A ClickHouse string literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(name: str) -> str:
    """A quoted ClickHouse identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
