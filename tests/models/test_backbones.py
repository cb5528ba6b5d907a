import pytest
import timm
import torch

from repro.costs.needs import BACKBONES


@pytest.mark.parametrize("name", sorted(set(BACKBONES) - {"wide_resnet50_2"}))
def test_channels_and_strides_are_those_of_timm(name: str) -> None:
    network = timm.create_model(name, features_only=True, pretrained=False)
    expected = {info["module"]: (info["num_chs"], info["reduction"]) for info in network.feature_info.info}
    listed = BACKBONES[name].layers
    assert expected.keys() & listed.keys()
    for layer in expected.keys() & listed.keys():
        assert listed[layer] == expected[layer]


def test_an_unlisted_block_has_the_listed_size() -> None:
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    maps = {}
    for name in ("blocks.0", "blocks.1", "blocks.2", "blocks.3", "blocks.4"):
        network.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: maps.__setitem__(name, output)
        )
    with torch.inference_mode():
        network(torch.zeros(1, 3, 64, 64))
    sizes = {name: (features.shape[1], 64 // features.shape[2]) for name, features in maps.items()}
    assert sizes == BACKBONES["tf_efficientnet_lite0"].layers
