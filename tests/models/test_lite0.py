from importlib.resources import files
from pathlib import Path

import pytest
import timm
import torch
from PIL import Image
from torchvision.transforms.v2.functional import normalize, pil_to_tensor, resize

from repro.errors import ReproError
from repro.models import lite0
from repro.models.shipped import LITE0, lite0_file

#: ImageNet's classes tabby, tiger cat and Egyptian cat; espresso and cup.
CATS, COFFEES = {281, 282, 285}, {967, 968}


@pytest.mark.parametrize(("name", "classes"), [("chelsea.png", CATS), ("coffee.png", COFFEES)])
def test_the_network_recognises_photographs(name: str, classes: set[int]) -> None:
    with (files("skimage.data") / name).open("rb") as stream, Image.open(stream) as photograph:
        image = resize(pil_to_tensor(photograph.convert("RGB")), [224, 224]) / 255
    with torch.no_grad():
        network = lite0.load()
        normalised = normalize(image, list(network.default_cfg["mean"]), list(network.default_cfg["std"]))
        scores = network(normalised[None])[0]
    assert int(scores.argmax()) in classes


def test_the_feature_extractor_gets_the_same_weights() -> None:
    extractor = timm.create_model(LITE0, pretrained=False, features_only=True, out_indices=(2, 3))
    lite0.fill(extractor)
    expected = lite0.load().state_dict()
    state = extractor.state_dict()
    assert len(state) > 100
    assert all(torch.equal(tensor, expected[name]) for name, tensor in state.items())


def test_the_shape_of_every_tensor_is_checked() -> None:
    expected = timm.create_model(LITE0, pretrained=False).state_dict()
    last = list(expected)[-1]
    with pytest.raises(ReproError, match=rf"_fc\.bias has shape \(1000,\), {last} of {LITE0} has \(999,\)"):
        lite0.state_for(expected | {last: torch.zeros(999)}, lite0_file())


def test_another_number_of_tensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"weight": torch.zeros(1)}, path)
    with pytest.raises(ReproError, match=r"holds 1 tensors, tf_efficientnet_lite0 has 296"):
        lite0.state_for(timm.create_model(LITE0, pretrained=False).state_dict(), path)
