import pytest
import torch
from anomalib.models.image.efficient_ad.torch_model import SmallPatchDescriptionNetwork

from repro.distill import images, photographs
from repro.distill.targets import CHANNELS, FIRST, JUMP, Targets, output_size
from repro.models.pdn import record


@pytest.fixture(scope="module")
def targets() -> Targets:
    return Targets()


def test_positions_are_the_centres_of_the_networks_receptive_fields() -> None:
    last = record("small", False, 256).layers[-1]
    # The centre of the first pixel is 0.5 in the arithmetic and 0 here.
    assert (last.jump, last.start - 0.5) == (JUMP, FIRST)


@pytest.mark.parametrize("side", [97, 128])
def test_every_output_of_the_network_has_a_target(side: int, targets: Targets) -> None:
    crops = torch.rand(1, 3, side, side)
    expected = SmallPatchDescriptionNetwork(out_channels=CHANNELS)(crops).shape
    assert targets(crops, output_size(side)).shape == expected


def test_a_window_of_a_crop_has_the_targets_of_its_position(targets: Targets) -> None:
    crops = torch.rand(1, 3, 128, 128)
    of_crop = targets(crops, output_size(128))
    of_window = targets(crops, 5, offset=4 * JUMP)
    assert torch.allclose(of_window, of_crop[..., 4:9, 4:9], atol=1e-5)


def test_normalised_targets_have_mean_zero_and_variance_one(targets: Targets) -> None:
    crops = images.plain_crops(photographs.packaged(), 1)
    targets.normalise(crops.split(8))
    values = targets(crops, output_size(128)).movedim(1, 0).flatten(1)
    assert torch.allclose(values.mean(1), torch.zeros(CHANNELS), atol=1e-3)
    assert torch.allclose(values.std(1), torch.ones(CHANNELS), atol=1e-3)
