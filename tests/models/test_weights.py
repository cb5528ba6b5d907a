"""Weights that others publish, in a cache of the test's own: what is checked of them, and what is recorded."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import huggingface_hub.constants
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from repro.errors import ReproError
from repro.fetch import place
from repro.fetch.sources import hub_folder, source, sources
from repro.models.build import build
from repro.models.weights import describe, place_penalty_images, place_teacher, random_teacher
from repro.runs import fingerprint, sha256
from repro.study import BackboneVariant, EfficientAdVariant, PadimVariant, PatchCoreVariant

#: timm's smallest network with a name that no table of this project lists.
SMALL = "test_resnet"
COMMIT = "0" * 40
PATCHCORE = {"model": "patchcore", "pretrained": True, "neighbours": 1, "coreset_ratio": 0.1}
PADIM = {"model": "padim", "pretrained": True, "features": 10}


def official(**settings: object) -> EfficientAdVariant:
    plain = {"model": "efficientad", "epochs": 1, "teacher": "official", "penalty": "photographs"}
    return EfficientAdVariant.model_validate(plain | settings)


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.fixture
def teachers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of sound teachers where anomalib looks, of the table's names and this test's hashes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = source("teacher").folder()
    folder.mkdir(parents=True)
    for name in source("teacher").content:
        torch.save(random_teacher(), folder / name)
    content = {path.name: sha256(path) for path in folder.iterdir()}
    monkeypatch.setitem(sources(), "teacher", source("teacher").model_copy(update={"content": content}))
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the model hub, and no way to the hub."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def lay(repository: str, commit: str, file: str) -> Path:
    """Where the hub's cache keeps the file, with the folders on the way."""
    folder = hub_folder(repository)
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / "main").write_text(commit)
    (folder / "snapshots" / commit).mkdir(parents=True, exist_ok=True)
    return folder / "snapshots" / commit / file


def backbone_digest(variant: BackboneVariant, folder: Path) -> str | None:
    return describe(variant, build(variant, 64, folder), folder)["backbone"].sha256


def test_a_sound_official_teacher_is_taken_from_the_cache(teachers: Path) -> None:
    before = {path.name: path.read_bytes() for path in teachers.iterdir()}
    place_teacher(official(), teachers / "unused")
    assert {path.name: path.read_bytes() for path in teachers.iterdir()} == before


@pytest.mark.parametrize("size", ["small", "medium"])
def test_an_official_teacher_with_one_byte_altered_is_refused_and_left_to_the_user(teachers: Path, size: str) -> None:
    file = teachers / f"pretrained_teacher_{size}.pth"
    alter(file)
    altered = file.read_bytes()
    with pytest.raises(ReproError, match="SHA-256 is not") as caught:
        build(official(size=size), 256, teachers / "unused")
    line = str(caught.value)
    assert line.startswith(f"{file}: ")
    assert "move its folder away and run `nox -s fetch -- teacher`, or set teacher" in line
    assert "\n" not in line
    assert file.read_bytes() == altered


def test_imagenette_of_another_number_of_images_is_refused_and_the_right_one_recorded_by_its_images(
    teachers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repro.fetch.sources.PROJECT_ROOT", tmp_path)
    images = [
        source("imagenette").folder() / "imagenette2" / part / "n01440764" / "a.JPEG"
        for part in place.IMAGENETTE_IMAGES
    ]
    for grey, path in enumerate(images):
        path.parent.mkdir(parents=True)
        Image.new("L", (8, 8), grey).save(path)
    variant = official(penalty="imagenette")
    with pytest.raises(ReproError, match=r"holds .* images.*run `nox -s fetch -- imagenette`, or set penalty"):
        place_penalty_images(variant, tmp_path / "penalty")
    monkeypatch.setattr(place, "IMAGENETTE_IMAGES", {"train": 1, "val": 1})
    model = build(variant, 256, tmp_path / "weights")
    record = describe(variant, model, tmp_path / "weights" / "penalty")["penalty"]
    assert record.sha256 == fingerprint([sha256(path) for path in images])


@pytest.mark.parametrize("variant", [PatchCoreVariant.model_validate, PadimVariant.model_validate])
def test_timms_weights_are_recorded_by_their_tensors_in_whatever_file_they_came(
    hub: Path, tmp_path: Path, variant: Callable[[object], BackboneVariant]
) -> None:
    model = PATCHCORE if variant == PatchCoreVariant.model_validate else PADIM
    tested = variant(model | {"backbone": SMALL, "layers": ["layer2", "layer3"]})
    repository = timm.get_pretrained_cfg(SMALL).hf_hub_id
    state = timm.create_model(SMALL, pretrained=False).state_dict()
    torch.save(state, lay(repository, COMMIT, "pytorch_model.bin"))
    (hub_folder(repository) / ".no_exist" / COMMIT).mkdir(parents=True)
    (hub_folder(repository) / ".no_exist" / COMMIT / "model.safetensors").touch()
    pickled = backbone_digest(tested, tmp_path)
    (hub_folder(repository) / ".no_exist" / COMMIT / "model.safetensors").unlink()
    save_file(state, lay(repository, COMMIT, "model.safetensors"))
    assert pickled is not None
    assert backbone_digest(tested, tmp_path) == pickled
    state["layer1.0.conv1.weight"].view(torch.int32).view(-1)[0] ^= 1
    save_file(state, lay(repository, COMMIT, "model.safetensors"))
    assert backbone_digest(tested, tmp_path) not in (None, pickled)


@pytest.mark.parametrize("settings", [PATCHCORE, PADIM], ids=["patchcore", "padim"])
def test_listed_weights_are_checked_by_the_tables_hash_before_timm_loads_them(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, object]
) -> None:
    kind = PatchCoreVariant if settings is PATCHCORE else PadimVariant
    variant = kind.model_validate(settings | {"backbone": "resnet18", "layers": ["layer1"]})
    entry = source("resnet18")
    assert entry.hub is not None
    file = lay(entry.hub.repository, entry.hub.revision, entry.file)
    save_file(timm.create_model("resnet18", pretrained=False).state_dict(), file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setitem(sources(), "resnet18", entry.model_copy(update={"sha256": digest}))
    assert backbone_digest(variant, tmp_path)
    alter(file)
    with pytest.raises(ReproError, match=r"SHA-256 is not .* run `nox -s fetch -- resnet18`") as caught:
        build(variant, 64, tmp_path)
    assert caught.value.where == str(file)
