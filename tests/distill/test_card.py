import pytest
import torch
from safetensors.torch import load_file

from repro.distill.card import card, explained_variances, stored_targets
from repro.models.shipped import TEACHER, teacher_facts, teacher_file
from repro.models.weights import distilled_teacher


def test_the_card_agrees_with_its_facts() -> None:
    assert TEACHER.with_suffix(".md").read_text(encoding="utf-8") == card(teacher_facts())


def test_the_explained_variance_on_held_out_photographs_agrees_with_the_card() -> None:
    facts = teacher_facts()
    explained = explained_variances(distilled_teacher(), stored_targets(facts))
    assert explained == pytest.approx(facts["explained_variance"], abs=0.002)


def test_the_teacher_explains_more_than_a_random_network() -> None:
    explained = teacher_facts()["explained_variance"]
    assert explained["distilled"] > explained["random_readout"]
    assert explained["distilled_readout"] > explained["random_readout"] + 0.1


def test_the_file_holds_finite_half_precision_tensors() -> None:
    tensors = load_file(teacher_file())
    assert all(tensor.dtype == torch.float16 and tensor.isfinite().all() for tensor in tensors.values())
