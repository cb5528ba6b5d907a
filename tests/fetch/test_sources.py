import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import timm
from anomalib.data.datamodules.image.mvtecad import DOWNLOAD_INFO
from anomalib.models.image.efficient_ad.lightning_model import IMAGENETTE_DOWNLOAD_INFO, WEIGHTS_DOWNLOAD_INFO
from anomalib.utils.path import get_pretrained_weights_dir

from repro import cli
from repro.errors import ReproError
from repro.fetch.sources import GROUPS, select, source, sources
from repro.models import weights


@pytest.mark.parametrize(
    ("name", "info"),
    [("mvtec", DOWNLOAD_INFO), ("imagenette", IMAGENETTE_DOWNLOAD_INFO), ("teacher", WEIGHTS_DOWNLOAD_INFO)],
)
def test_hash_and_first_address_are_those_of_anomalib(name: str, info: object) -> None:
    assert (source(name).sha256, source(name).urls[0]) == (info.hashsum, info.url)


@pytest.mark.parametrize("name", GROUPS["weights"])
def test_weights_are_those_that_timm_requests_from_the_hub(name: str) -> None:
    hub = source(name).hub
    assert hub is not None
    assert hub.repository == timm.get_pretrained_cfg(name).hf_hub_id


def test_the_folder_of_the_teachers_is_anomalibs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert source("teacher").folder() == get_pretrained_weights_dir() / weights.TEACHERS


@pytest.mark.parametrize("name", sources())
def test_each_entry_has_several_addresses_and_the_source_of_its_hash(name: str) -> None:
    entry = source(name)
    assert len(set(entry.urls)) == len(entry.urls) >= 2
    assert all(urlsplit(url).scheme == "https" for url in (*entry.urls, entry.page))
    assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
    assert entry.known_from
    assert "http" in entry.licence


def test_a_group_selects_several_entries_and_no_name_selects_all() -> None:
    assert [entry.name for entry in select(("weights", "resnet18"))] == ["resnet18", "wide_resnet50_2"]
    assert [entry.name for entry in select(())] == list(sources())
    with pytest.raises(ReproError, match="choose from mvtec"):
        select(("mvtek",))


def test_the_help_names_everything_that_can_be_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["fetch", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name, entry in sources().items():
        size = f"{entry.bytes / 1e9:.1f} GB" if entry.bytes > 1e9 else f"{entry.bytes / 1e6:.0f} MB"
        assert f"{name} ({size})" in text
