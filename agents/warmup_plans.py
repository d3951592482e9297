"""The plans of warm-up from disk: the shipped ones, and warmup.toml of the configuration folder over them."""

from importlib.resources import files

from agents.config_files import load, own_text
from agents.settings import Settings
from streams.warmup.plan import FILE, Known, Plans, read


def load_plans(settings: Settings) -> Plans:
    """Read and check them. Raises ConfigError with file, line and key of everything that is wrong."""
    config = load(settings.config_dir, settings.config_overlay)
    shipped = files("streams").joinpath("data", FILE).read_text("utf-8")
    path, own = own_text(FILE, settings.config_dir, settings.config_overlay)
    return read(shipped, own, str(path), Known(config.sources, set(config.providers.values())))
