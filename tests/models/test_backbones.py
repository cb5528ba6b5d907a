import pytest
import timm
import torch

from repro.costs.needs import BACKBONES


@pytest.mark.parametrize("name", sorted(set(BACKBONES) - {"wide_resnet50_2"}))
def test_channels_and_strides_are_those_of_timm(name: str) -> None:
    network = timm.create_model(name, features_only=True, pretrained=False)
    about = {info["module"]: (info["num_chs"], info["reduction"]) for info in network.feature_info.info}
    assert about.items() & BACKBONES[name].layers.items()
    for layer, of in BACKBONES[name].layers.items():
        assert about.get(layer, of) == of


def test_an_unlisted_block_has_the_listed_size() -> None:
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    maps = {}
    for name in ("blocks.0", "blocks.1", "blocks.2", "blocks.3", "blocks.4"):
        network.get_submodule(name).register_forward_hook(
            lambda module, given, made, name=name: maps.__setitem__(name, made)
        )
    with torch.inference_mode():
        network(torch.zeros(1, 3, 64, 64))
    assert {name: (made.shape[1], 64 // made.shape[2]) for name, made in maps.items()} == BACKBONES[
        "tf_efficientnet_lite0"
    ].layers
