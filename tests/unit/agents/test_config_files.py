"""The configuration folder: paths in errors, the overlay, and a reload that is all or nothing."""

import shutil
from pathlib import Path

import pytest

from agents.config_files import ConfigHolder, load
from streams.config import ConfigError

SOURCE = Path(__file__).parents[3] / "config"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("tenants.toml", "pools.toml", "lanes.toml"):
        shutil.copy(SOURCE / name, tmp_path / name)
    return tmp_path


def test_the_shipped_providers_are_there(folder: Path) -> None:
    found = load(folder)
    assert found.providers["protection.outlook.com"] == "microsoft"
    assert set(found.tenants) == {"shop", "newsletter", "marketplace"}


def test_the_demo_overlay_squeezes_retries_and_nothing_else() -> None:
    shipped, demo = load(SOURCE), load(SOURCE, SOURCE / "demo")
    assert {name: lane._replace(retry=shipped.lanes[name].retry) for name, lane in demo.lanes.items()} == shipped.lanes
    assert all(max(lane.retry.delays_s) <= 5 for lane in demo.lanes.values())
    assert demo.tenants == shipped.tenants
    assert demo.shaping.rules == shipped.shaping.rules
    assert demo.providers["gmail.test"] == "gmail"


def test_errors_name_the_file_that_was_read(folder: Path, tmp_path: Path) -> None:
    over = tmp_path / "over"
    over.mkdir()
    (over / "lanes.toml").write_text("x = 1")
    (folder / "pools.toml").write_bytes(b"# one\n\xff")
    with pytest.raises(ConfigError) as caught:
        load(folder)
    assert str(caught.value).startswith(f"{folder / 'pools.toml'}:2: not UTF-8")
    shutil.copy(SOURCE / "pools.toml", folder)
    with pytest.raises(ConfigError) as caught:
        load(folder, over)
    assert {p.file for p in caught.value.problems} == {str(over / "lanes.toml")}


def test_a_missing_folder_names_every_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "nowhere")
    assert [Path(p.file).name for p in caught.value.problems] == ["tenants.toml", "pools.toml", "lanes.toml"]


def test_a_reload_is_never_half_applied(folder: Path) -> None:
    holder = ConfigHolder(lambda: load(folder))
    before = holder.current
    lanes, pools = folder / "lanes.toml", folder / "pools.toml"
    lanes.write_text(lanes.read_text().replace('"12h"', '"13h"'))
    pools.write_text(pools.read_text().replace("ehlo", "helo", 1))
    assert holder.reload()
    assert holder.current is before
    pools.write_text(pools.read_text().replace("helo", "ehlo", 1))
    assert holder.reload() == ()
    assert holder.current.lanes["transactional"].give_up_after_s == 13 * 3600
    assert before.lanes["transactional"].give_up_after_s == 12 * 3600
