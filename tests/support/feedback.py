"""What the tests of the feedback jobs share."""

from agents.settings import Settings
from schemas import codec
from schemas.records import Suppression
from tests.support.kafka import consume_all
from tests.support.worker import Site


def settings_of(site: Site) -> Settings:
    """For a job that runs in a thread of the test, at this site."""
    return site.settings.model_copy(
        update={
            "group_prefix": site.prefix,
            "config_dir": site.folder / "config",
            "config_overlay": site.folder / "overlay",
        }
    )


def suppressions(site: Site) -> list[Suppression]:
    """All that were written."""
    records = consume_all(site.bootstrap, f"{site.prefix}.suppressions")
    return [Suppression(**codec.decode("Suppression", r.value)) for r in records if r.value]
