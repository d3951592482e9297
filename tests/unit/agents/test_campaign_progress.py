from pathlib import Path

import pytest

from agents.campaign_progress import Progress, State
from streams.campaign import CampaignError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "list.csv.progress"


def test_what_was_confirmed_is_read_again(path: Path) -> None:
    progress = Progress(path)
    assert progress.read("job") is None
    progress.begin(State("job", 10, 2))
    progress.confirmed(["aa", "bb"])
    progress.confirmed([])
    progress.confirmed(["cc"])
    again = Progress(path)
    assert again.read("job") == State("job", 10, 2)
    assert again.batches == {"aa", "bb", "cc"}


def test_a_new_chunk_forgets_the_batches_of_the_old_one(path: Path) -> None:
    progress = Progress(path)
    progress.begin(State("job", 10, 2))
    progress.confirmed(["aa"])
    progress.begin(State("job", 99, 20, sent=18))
    again = Progress(path)
    assert again.read("job") == State("job", 99, 20, sent=18)
    assert again.batches == frozenset()


def test_another_unfinished_job_is_not_overwritten(path: Path) -> None:
    Progress(path).begin(State("one", 10, 2))
    with pytest.raises(CampaignError, match="another, unfinished send"):
        Progress(path).read("two")
    Progress(path).begin(State("one", 10, 2, done=True))
    assert Progress(path).read("two") is None


def test_a_broken_file_is_said(path: Path) -> None:
    path.write_text("{")
    with pytest.raises(CampaignError, match="cannot be read"):
        Progress(path).read("job")
