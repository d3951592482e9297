"""The configuration folder on disk: read at start, read again on SIGHUP, never half applied."""

import logging
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from streams.config import Config, ConfigError, ConfigProblem, read
from streams.config_check import FILES

log = logging.getLogger(__name__)

NOTHING: Mapping[str, Path] = MappingProxyType({})


def load(config_dir: Path, overlay: Path | None = None, instead: Mapping[str, Path] = NOTHING) -> Config:
    """Config from the folder; a file of the overlay folder, or of `instead`, replaces the one of the same name.

    Raises ConfigError with every problem, whose file names are the paths that were read.
    """
    shipped = [
        files("streams").joinpath("data", name).read_text("utf-8") for name in ("providers.toml", "shaping.toml")
    ]
    paths = {name: _place(name, config_dir, overlay) for name in FILES} | dict(instead)
    try:
        texts = {name: _text(name, path) for name, path in paths.items() if path.exists()}
        return read(texts, *shipped)
    except ConfigError as e:
        problems = (p._replace(file=str(paths.get(p.file, p.file))) for p in e.problems)
        raise ConfigError(tuple(problems)) from None


def own_text(name: str, config_dir: Path, overlay: Path | None = None) -> tuple[Path, str]:
    """A file that need not be there: where it is, and its text, empty without it. Raises ConfigError."""
    path = _place(name, config_dir, overlay)
    return path, _text(str(path), path) if path.exists() else ""


def _place(name: str, config_dir: Path, overlay: Path | None) -> Path:
    over = overlay / name if overlay else None
    return over if over is not None and over.exists() else config_dir / name


def _text(name: str, path: Path) -> str:
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as e:
        line = raw.count(b"\n", 0, e.start) + 1
        raise ConfigError((ConfigProblem(name, line, "", f"not UTF-8: {e.reason}"),)) from None


class ConfigHolder:
    """The configuration in force. `reload` replaces it as a whole, or keeps it and logs why."""

    def __init__(self, read_again: Callable[[], Config]) -> None:
        self._read_again = read_again
        self.current = read_again()

    def reload(self) -> tuple[ConfigProblem, ...]:
        """For SIGHUP: read again. Returns the problems; none when the new configuration is in force."""
        try:
            self.current = self._read_again()
        except ConfigError as e:
            log.error("configuration not reloaded, the old one stays in force:\n%s", e)
            return e.problems
        log.info("configuration reloaded")
        return ()
