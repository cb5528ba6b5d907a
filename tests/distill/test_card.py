import pytest
import torch
from safetensors.torch import load_file

from repro.distill.card import card, measures, stored_targets
from repro.models.shipped import TEACHER, teacher_facts, teacher_file
from repro.models.weights import distilled_teacher


def test_the_card_says_what_its_facts_say() -> None:
    assert TEACHER.with_suffix(".md").read_text(encoding="utf-8") == card(teacher_facts())


def test_the_teacher_explains_of_held_out_photographs_what_its_card_says() -> None:
    facts = teacher_facts()
    found = measures(distilled_teacher(), stored_targets(facts))
    assert found == pytest.approx(facts["explained_variance"], abs=0.002)


def test_the_teacher_explains_more_than_a_random_network() -> None:
    explained = teacher_facts()["explained_variance"]
    assert explained["distilled"] > explained["random_readout"]
    assert explained["distilled_readout"] > explained["random_readout"] + 0.1


def test_the_file_holds_finite_half_precision_tensors() -> None:
    tensors = load_file(teacher_file())
    assert all(tensor.dtype == torch.float16 and tensor.isfinite().all() for tensor in tensors.values())
