import pytest
import torch
from anomalib.models.image.efficient_ad.torch_model import SmallPatchDescriptionNetwork

from repro.distill import images
from repro.distill.targets import CHANNELS, FIRST, JUMP, Targets, outputs_of
from repro.models.pdn import record


@pytest.fixture(scope="module")
def targets() -> Targets:
    return Targets()


def test_places_are_the_centres_of_the_networks_receptive_fields() -> None:
    last = record("small", False, 256).layers[-1]
    # The arithmetic counts the middle of the first pixel as 0.5, here it is 0.
    assert (last.jump, last.start - 0.5) == (JUMP, FIRST)


@pytest.mark.parametrize("side", [97, 128])
def test_there_is_a_target_for_every_output_of_the_network(side: int, targets: Targets) -> None:
    crops = torch.rand(1, 3, side, side)
    wanted = SmallPatchDescriptionNetwork(out_channels=CHANNELS)(crops).shape
    assert targets(crops, outputs_of(side)).shape == wanted


def test_a_window_of_a_crop_has_the_targets_of_its_place(targets: Targets) -> None:
    crops = torch.rand(1, 3, 128, 128)
    whole = targets(crops, outputs_of(128))
    window = targets(crops, 5, offset=4 * JUMP)
    assert torch.allclose(window, whole[..., 4:9, 4:9], atol=1e-5)


def test_normalised_targets_have_mean_nought_and_variance_one(targets: Targets) -> None:
    crops = images.plain(1)
    targets.normalise(crops.split(8))
    values = targets(crops, outputs_of(128)).movedim(1, 0).flatten(1)
    assert torch.allclose(values.mean(1), torch.zeros(CHANNELS), atol=1e-3)
    assert torch.allclose(values.std(1), torch.ones(CHANNELS), atol=1e-3)
