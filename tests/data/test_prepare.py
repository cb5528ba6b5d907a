from pathlib import Path

import pytest

from repro import study as studies
from repro.data.prepare import prepare
from repro.errors import DataError
from repro.runs import RunFolder, read_json


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder("smoke", tmp_path)


def test_stand_ins_are_drawn_once_and_their_manifests_kept(folder: RunFolder) -> None:
    study = studies.load("smoke")
    prepare(folder, study)
    manifest = folder.manifest("leather")
    before = manifest.stat().st_mtime_ns
    assert read_json(manifest, mend="")["record"]["test"] == {
        "color": 1, "cut": 1, "fold": 1, "glue": 1, "good": 3, "poke": 1
    }  # fmt: skip
    prepare(folder, study)
    assert manifest.stat().st_mtime_ns == before


def test_an_image_that_was_spoilt_after_the_first_check_is_found(folder: RunFolder) -> None:
    study = studies.load("smoke")
    prepare(folder, study)
    (folder.drawn_data / "leather" / "test" / "cut" / "000.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"cut/000\.png: not a readable image"):
        prepare(folder, study)
