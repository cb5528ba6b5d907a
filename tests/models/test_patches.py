from pathlib import Path

import torch

from repro.models.patches import Patches


def test_gives_back_what_was_put_in_and_leaves_no_file(tmp_path: Path) -> None:
    expected = torch.rand(12, 5)
    patches = Patches(tmp_path, 5, torch.device("cpu"))
    for part in expected.split(4):
        patches.append(part)
    assert patches.shape == expected.shape
    for found, part in zip(patches.split([7, 5]), expected.split([7, 5]), strict=True):
        assert torch.equal(found, part)
    assert torch.equal(patches[[11, 0, 3, 3]], expected[[11, 0, 3, 3]])
    patches.close()
    assert list(tmp_path.iterdir()) == []
