import errno
import resource
from pathlib import Path

import pytest
import torch

from repro.models.patch_file import PatchFile


def test_patches_are_read_as_they_were_written_and_no_file_is_left(tmp_path: Path) -> None:
    expected = torch.rand(12, 5)
    patch_file = PatchFile(tmp_path, 5, torch.device("cpu"))
    for part in expected.split(4):
        patch_file.append(part)
    assert patch_file.shape == expected.shape
    for block, part in zip(patch_file.split([7, 5]), expected.split([7, 5]), strict=True):
        assert torch.equal(block, part)
    assert torch.equal(patch_file[[11, 0, 3, 3]], expected[[11, 0, 3, 3]])
    patch_file.close()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_reported_with_its_reason(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    patch_file = PatchFile(tmp_path, 1024, torch.device("cpu"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            for _ in range(3):
                patch_file.append(torch.zeros(200, 1024))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    patch_file.close()
