import re
from pathlib import Path
from typing import Any

import loopback
import pytest
import torch
from anomalib.models import EfficientAd, Patchcore
from torchvision.transforms.v2 import Compose

from repro.errors import ReproError
from repro.fetch.sources import source
from repro.models import lite0
from repro.models.build import build, transforms
from repro.models.shipped import LITE0
from repro.models.weights import place_teacher
from repro.study import EfficientAdVariant, PatchCoreVariant

IMAGE = torch.rand(1, 3, 300, 280, generator=torch.Generator().manual_seed(0))


def patchcore(**settings: Any) -> PatchCoreVariant:
    plain = {"backbone": "resnet18", "pretrained": False, "layers": ["layer2"], "neighbours": 3, "coreset_ratio": 0.1}
    return PatchCoreVariant(model="patchcore", **(plain | settings))


def efficientad(**settings: Any) -> EfficientAdVariant:
    return EfficientAdVariant(model="efficientad", epochs=1, penalty="photographs", **settings)


def test_images_are_prepared_as_anomalib_prepares_them() -> None:
    theirs = Patchcore.configure_pre_processor((256, 256), (224, 224)).transform
    assert torch.equal(Compose(transforms(patchcore(center_crop=224), 256))(IMAGE), theirs(IMAGE))
    theirs = EfficientAd.configure_pre_processor((256, 256)).transform
    assert torch.equal(Compose(transforms(efficientad(teacher="random"), 256))(IMAGE), theirs(IMAGE))


def test_a_blur_smooths_the_resized_image_and_keeps_its_mean() -> None:
    sharp = Compose(transforms(efficientad(teacher="random"), 256))(IMAGE)
    blurred = Compose(transforms(efficientad(teacher="random", blur=1.0), 256))(IMAGE)
    assert blurred.shape == sharp.shape
    assert blurred.std() < 0.5 * sharp.std()
    assert abs(blurred.mean() - sharp.mean()) < 1e-3


def test_the_backbone_has_the_packages_weights_and_the_normalisation_of_its_training(tmp_path: Path) -> None:
    variant = patchcore(backbone=LITE0, pretrained=True, layers=["blocks.2", "blocks.4"])
    extractor = build(variant, 256, tmp_path).model.feature_extractor.feature_extractor
    assert torch.equal(extractor.conv_stem.weight, lite0.load().conv_stem.weight)
    white = Compose(transforms(variant, 256))(torch.ones(1, 3, 64, 64))
    assert torch.allclose(white, torch.ones(()))


#: Backbones with weights on the hub, at another address, and without weights.
UNLISTED = {
    "resnet14t": "`hf download timm/resnet14t.c3_in1k model.safetensors`.*to {}/hub/models--timm--resnet14t.c3_in1k,",
    "legacy_seresnet18": "put https://.*/seresnet18-4bb0ce65.pth to {}/torch/hub/checkpoints/seresnet18-4bb0ce65.pth,",
    "darknet17": "choose one of timm.list_pretrained",
}


@pytest.mark.parametrize("backbone", UNLISTED)
def test_the_error_of_a_failed_download_has_file_folder_and_an_alternative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backbone: str
) -> None:
    def unreachable(url: str, path: str, *args: object, **kwargs: object) -> None:
        raise OSError(f"unreachable, not written to {path}")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("torch.hub.download_url_to_file", unreachable)
    with pytest.raises(ReproError, match="cannot load its ImageNet weights") as caught:
        build(patchcore(backbone=backbone, pretrained=True), 256, tmp_path)
    line = str(caught.value)
    assert line.startswith(f"{backbone}: ")
    assert re.search(UNLISTED[backbone].replace("{}", re.escape(str(tmp_path))), line)
    if "checkpoints" in line:
        assert re.search(r"not written to (\S+)", str(caught.value.__cause__))[1] in line
    assert line.endswith(f'or set backbone = "{LITE0}", whose weights come with a package')
    assert "\n" not in line


@pytest.mark.parametrize(("key", "value"), [("teacher", "official"), ("penalty", "imagenette")])
def test_the_error_of_an_unavailable_source_has_file_folder_hash_and_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    name = {"teacher": "teacher", "penalty": "imagenette"}[key]
    for module in ("sources", "fetch"):
        monkeypatch.setattr(f"repro.fetch.{module}.PROJECT_ROOT", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    variant = EfficientAdVariant.model_validate(efficientad(teacher="random").model_dump() | {key: value})
    with loopback.serving() as server:
        entry = source(name).model_copy(update={"urls": (f"http://127.0.0.1:{server.server_port}/not_found",)})
        monkeypatch.setattr("repro.fetch.fetch.select", lambda names: [entry])
        with pytest.raises(ReproError, match=f"answers 404.*nox -s fetch -- {name}`.*or set {key}") as caught:
            build(variant, 256, tmp_path / "weights")
    line = str(caught.value)
    assert "\n" not in line
    assert f"SHA-256 {entry.sha256}) to {entry.path()}" in line
    assert not source(name).folder().exists()


def test_equal_weights_have_equal_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    for cache in ("first", "second"):
        place_teacher(efficientad(teacher="distilled"), tmp_path / cache)
    first, second = (next((tmp_path / cache).rglob("*.pth")).read_bytes() for cache in ("first", "second"))
    assert first == second


def test_the_distilled_teacher_is_placed_where_anomalib_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from repro.models.weights import describe, distilled_teacher

    monkeypatch.setenv("XDG_CACHE_HOME", "")
    variant = efficientad(teacher="distilled")
    model = build(variant, 256, tmp_path)
    model.prepare_pretrained_model()
    for name, tensor in distilled_teacher().items():
        assert torch.equal(model.model.teacher.state_dict()[name], tensor)
    assert describe(variant, model, tmp_path / "penalty")["teacher"].kind == "distilled"
