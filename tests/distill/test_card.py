import pytest
import torch
from safetensors.torch import load_file

from repro.distill.card import as_network, card, explained_variance, packaged_variance, stored_targets
from repro.distill.targets import Targets, output_size
from repro.models.shipped import TEACHER, teacher_facts, teacher_file
from repro.models.weights import distilled_teacher


def test_the_card_agrees_with_its_facts() -> None:
    assert TEACHER.with_suffix(".md").read_text(encoding="utf-8") == card(teacher_facts())


def test_the_explained_variance_on_held_out_photographs_agrees_with_the_card() -> None:
    facts = teacher_facts()
    explained = packaged_variance(as_network(distilled_teacher()), stored_targets(facts))
    assert explained == pytest.approx(facts["explained_variance"]["packaged"], abs=0.002)


def test_the_teacher_explains_photographs_that_it_never_saw() -> None:
    explained = teacher_facts()["explained_variance"]
    assert explained["packaged"] > 0.3
    assert explained["caltech"] > 0.3
    assert explained["packaged_random"] < 0.05


def test_a_perfect_prediction_explains_everything_and_the_mean_of_each_channel_nothing() -> None:
    targets, crops = Targets(), torch.rand(20, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    wanted = torch.cat([targets(part, output_size(64)) for part in crops.split(16)])
    mean = wanted.mean((0, 2, 3), keepdim=True)
    assert explained_variance(lambda part: targets(part, output_size(64)), targets, crops) == pytest.approx(1, abs=1e-4)
    assert explained_variance(lambda part: mean, targets, crops) == pytest.approx(0, abs=1e-4)


def test_the_file_holds_finite_half_precision_tensors() -> None:
    tensors = load_file(teacher_file())
    assert all(tensor.dtype == torch.float16 and tensor.isfinite().all() for tensor in tensors.values())
