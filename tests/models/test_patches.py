import errno
import resource
from pathlib import Path

import pytest
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


def test_a_disk_that_takes_no_more_says_why(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    patches = Patches(tmp_path, 1024, torch.device("cpu"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(OSError, match="File too large") as told:
            for _ in range(3):
                patches.append(torch.zeros(200, 1024))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert told.value.errno == errno.EFBIG
    patches.close()
