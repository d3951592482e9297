"""What the demo empties, and what it forgets."""

import os
from pathlib import Path

import pytest

from agents.demo.setting import MARK, FolderError, prepare_environ, prepare_folder


def test_a_folder_of_its_own_is_emptied(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    prepare_folder(folder)
    (folder / "summary.json").write_text("old")
    prepare_folder(folder)
    assert sorted(p.name for p in folder.iterdir()) == [MARK, "logs"]


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    prepare_folder(tmp_path)
    assert (tmp_path / MARK).exists()


def test_anybody_elses_folder_is_refused_and_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(FolderError, match="is not empty"):
        prepare_folder(tmp_path)
    assert (tmp_path / "mine").exists()


def test_settings_of_an_earlier_demo_in_this_shell_are_forgotten_but_for_the_broker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STREAMPOST_LANES", "bulk")
    monkeypatch.setenv("STREAMPOST_KAFKA", "127.0.0.1:9092")
    monkeypatch.setenv("OTHER", "1")
    prepare_environ()
    assert "STREAMPOST_LANES" not in os.environ
    assert (os.environ["STREAMPOST_KAFKA"], os.environ["OTHER"]) == ("127.0.0.1:9092", "1")
