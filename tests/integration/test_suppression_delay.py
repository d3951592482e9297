"""A bounce that the listener has taken stops mail in every worker: listener, job and two workers as they are run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.suppression_delay import measured, running_place
from tests.support.worker import Site, keeping_site

pytestmark = pytest.mark.kafka


@pytest.fixture
def site(kafka: str, prefix: str, tmp_path: Path) -> Iterator[Site]:
    with keeping_site(kafka, prefix, tmp_path) as made:
        yield made


def test_c6_47_a_bounce_stops_mail_in_every_worker(site: Site, tmp_path: Path, record_property: Any) -> None:
    """The delay is recorded, and measured by `python -m tests.bench.visible`: a busy machine must not fail a test."""
    with running_place(site, tmp_path / "inbound") as place:
        delays = [measured(place, number) for number in range(3)]
    record_property("suppression_visible_s", max(d.visible_s for d in delays))
    assert all(d.visible_s > 0 for d in delays)
