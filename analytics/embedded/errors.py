"""A refusal in ClickHouse's own words: code, text, and the HTTP status that its server would answer."""

import re

_CODE = re.compile(r"Code: (\d+)")
UNKNOWN_EXCEPTION = 1002
_STATUS = {
    **dict.fromkeys((6, 27, 33, 36, 47, 53, 62), 400),  # what the client wrote cannot be parsed or does not fit
    **dict.fromkeys((16, 60, 81, 115), 404),  # no such column, table, database, setting
    **dict.fromkeys((164, 497, 516), 403),  # read-only, no grant, wrong password
    159: 408,  # time-out
    48: 501,  # not implemented
    202: 503,  # too many queries
}


class ServerError(Exception):
    """What the client is told. `code` is ClickHouse's error code, `status` the HTTP one."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {text}")
        self.code = code

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code; 500 for most."""
        return _STATUS.get(self.code, 500)


class FolderHeldError(RuntimeError):
    """Another process has the folder open."""


def from_engine(error: Exception) -> ServerError:
    """The engine's error with its code read from the text, since chDB raises one type for everything."""
    text = str(error)
    found = _CODE.search(text)
    code = int(found.group(1)) if found else UNKNOWN_EXCEPTION
    bare = re.sub(r"\ACode: \d+\. (?:DB::Exception: )?", "", text[found.start() :]) if found else text
    return ServerError(code, bare)
