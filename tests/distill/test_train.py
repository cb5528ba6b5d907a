from dataclasses import replace
from pathlib import Path

import pytest
import torch

from repro.distill import images, photographs, train
from repro.errors import ReproError

RECIPE = train.Recipe(seed=5, steps=4, batch=2, warm_up=1, normalising=1, window=49)
POOL = images.Pool(RECIPE.seed, (), photographs.packaged())


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "SCENES", 2)
    monkeypatch.setattr(train, "CHECKPOINT_STEPS", 2)


def test_an_interrupted_training_ends_with_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uninterrupted = train.train(RECIPE, None, tmp_path / "uninterrupted.pt")
    step = train._step

    def interrupted(recipe: train.Recipe, pool: images.Pool, state: train.State) -> float:
        if state.step == 3:
            raise KeyboardInterrupt
        return step(recipe, pool, state)

    monkeypatch.setattr(train, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train.train(RECIPE, None, tmp_path / "interrupted.pt")
    monkeypatch.setattr(train, "_step", step)
    resumed = train.begin(RECIPE, POOL, tmp_path / "interrupted.pt")
    assert resumed.step == 2
    resumed = train.train(RECIPE, None, tmp_path / "interrupted.pt")
    assert resumed.curve == uninterrupted.curve
    pairs = zip(uninterrupted.network.parameters(), resumed.network.parameters(), strict=True)
    assert all(torch.equal(first, second) for first, second in pairs)


def test_a_checkpoint_of_other_settings_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save({"recipe": {"seed": 1}}, path)
    with pytest.raises(ReproError, match=r"has other settings.*delete it"):
        train.begin(RECIPE, POOL, path)
    path.write_bytes(b"no")
    with pytest.raises(ReproError, match=r"not a checkpoint.*delete it"):
        train.begin(RECIPE, POOL, path)


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    recipe = train.Recipe(steps=1000, warm_up=100, peak=1.0)
    assert recipe.rate(0) == pytest.approx(0.01)
    assert recipe.rate(100) == pytest.approx(1.0)
    assert recipe.rate(550) == pytest.approx(0.5)
    assert recipe.rate(999) < 1e-4


def test_bfloat16_changes_a_step_by_less_than_a_fiftieth_of_its_length(tmp_path: Path) -> None:
    steps = {}
    for products in ("float32", "bfloat16"):
        recipe = replace(RECIPE, products=products)
        state = train.begin(recipe, POOL, tmp_path / products)
        before = torch.cat([one.detach().flatten().clone() for one in state.network.parameters()])
        # Adam's first step has the gradient's sign alone; plain descent has all of it.
        state.optimiser = torch.optim.SGD(state.network.parameters(), lr=1.0)
        train._step(recipe, POOL, state)
        steps[products] = torch.cat([one.detach().flatten() for one in state.network.parameters()]) - before
    assert (steps["bfloat16"] - steps["float32"]).norm() < 0.02 * steps["float32"].norm()
