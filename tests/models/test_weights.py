"""Downloaded weights, in temporary caches: how they are verified and recorded."""

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
from repro.fetch import install
from repro.fetch.sources import hub_folder, source, sources
from repro.models.build import build
from repro.models.weights import describe, place_penalty_images, place_teacher, random_teacher
from repro.runs import fingerprint, sha256
from repro.study import BackboneVariant, EfficientAdVariant, PadimVariant, PatchCoreVariant

#: timm's smallest network, which no table of this project lists.
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
    """A folder of valid teachers where anomalib looks for them."""
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
    """An empty cache of the model hub, without access to the hub."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def cache_path(repository: str, commit: str, file: str) -> Path:
    """Path of a file in the hub's cache, whose folder is created."""
    folder = hub_folder(repository)
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / "main").write_text(commit)
    (folder / "snapshots" / commit).mkdir(parents=True, exist_ok=True)
    return folder / "snapshots" / commit / file


def backbone_digest(variant: BackboneVariant, folder: Path) -> str | None:
    return describe(variant, build(variant, 64, folder), folder)["backbone"].sha256


def test_a_valid_official_teacher_in_the_cache_is_used(teachers: Path) -> None:
    before = {path.name: path.read_bytes() for path in teachers.iterdir()}
    place_teacher(official(), teachers / "unused")
    assert {path.name: path.read_bytes() for path in teachers.iterdir()} == before


@pytest.mark.parametrize("size", ["small", "medium"])
def test_an_altered_official_teacher_is_refused_and_left_alone(teachers: Path, size: str) -> None:
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


def test_imagenette_is_refused_if_images_are_missing_and_recorded_by_its_images(
    teachers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repro.fetch.sources.PROJECT_ROOT", tmp_path)
    images = [
        source("imagenette").folder() / "imagenette2" / split / "n01440764" / "a.JPEG"
        for split in install.IMAGENETTE_IMAGES
    ]
    for grey, path in enumerate(images):
        path.parent.mkdir(parents=True)
        Image.new("L", (8, 8), grey).save(path)
    variant = official(penalty="imagenette")
    with pytest.raises(ReproError, match=r"holds .* images.*run `nox -s fetch -- imagenette`, or set penalty"):
        place_penalty_images(variant, tmp_path / "penalty")
    monkeypatch.setattr(install, "IMAGENETTE_IMAGES", {"train": 1, "val": 1})
    model = build(variant, 256, tmp_path / "weights")
    record = describe(variant, model, tmp_path / "weights" / "penalty")["penalty"]
    assert record.sha256 == fingerprint([sha256(path) for path in images])


@pytest.mark.parametrize("variant", [PatchCoreVariant.model_validate, PadimVariant.model_validate])
def test_timms_weights_are_recorded_by_their_tensors_independent_of_the_file_format(
    hub: Path, tmp_path: Path, variant: Callable[[object], BackboneVariant]
) -> None:
    model = PATCHCORE if variant == PatchCoreVariant.model_validate else PADIM
    tested = variant(model | {"backbone": SMALL, "layers": ["layer2", "layer3"]})
    repository = timm.get_pretrained_cfg(SMALL).hf_hub_id
    state = timm.create_model(SMALL, pretrained=False).state_dict()
    torch.save(state, cache_path(repository, COMMIT, "pytorch_model.bin"))
    (hub_folder(repository) / ".no_exist" / COMMIT).mkdir(parents=True)
    (hub_folder(repository) / ".no_exist" / COMMIT / "model.safetensors").touch()
    pickled = backbone_digest(tested, tmp_path)
    (hub_folder(repository) / ".no_exist" / COMMIT / "model.safetensors").unlink()
    save_file(state, cache_path(repository, COMMIT, "model.safetensors"))
    assert pickled is not None
    assert backbone_digest(tested, tmp_path) == pickled
    state["layer1.0.conv1.weight"].view(torch.int32).view(-1)[0] ^= 1
    save_file(state, cache_path(repository, COMMIT, "model.safetensors"))
    assert backbone_digest(tested, tmp_path) not in (None, pickled)


@pytest.mark.parametrize("settings", [PATCHCORE, PADIM], ids=["patchcore", "padim"])
def test_listed_weights_are_verified_before_timm_loads_them(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, object]
) -> None:
    kind = PatchCoreVariant if settings is PATCHCORE else PadimVariant
    variant = kind.model_validate(settings | {"backbone": "resnet18", "layers": ["layer1"]})
    entry = source("resnet18")
    assert entry.hub is not None
    file = cache_path(entry.hub.repository, entry.hub.revision, entry.file)
    save_file(timm.create_model("resnet18", pretrained=False).state_dict(), file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setitem(sources(), "resnet18", entry.model_copy(update={"sha256": digest}))
    assert backbone_digest(variant, tmp_path)
    alter(file)
    with pytest.raises(ReproError, match=r"SHA-256 is not .* run `nox -s fetch -- resnet18`") as caught:
        build(variant, 64, tmp_path)
    assert caught.value.where == str(file)
