import errno
import shutil

import pytest

from repro.errors import ReproError, in_words


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried ..."),
        RuntimeError("std::bad_alloc"),
        RuntimeError("can't start new thread"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    ],
)
def test_lack_of_memory_is_reported_as_such(error: Exception) -> None:
    result = in_words(error, "fit patchcore/grid/seed0")
    assert str(result).startswith("fit patchcore/grid/seed0: memory ran out; free some")


def test_a_folder_that_cannot_be_written_is_reported() -> None:
    result = in_words(OSError(errno.EROFS, "Read-only file system", "/there/runs"), "fit")
    assert str(result).startswith("/there/runs: cannot be written (Read-only file system); make the folder writable")


def test_a_copied_folder_that_does_not_fit_is_reported() -> None:
    error = shutil.Error([("from", "to", "[Errno 28] No space left on device: 'to'")])
    assert str(in_words(error, "export")).startswith("export: cannot be written (No space left on device); free some")
    assert in_words(shutil.Error([("from", "to", "is no file")]), "export") is None


def test_the_cause_of_a_library_error_is_reported() -> None:
    with pytest.raises(RuntimeError) as hidden:
        try:
            raise MemoryError
        finally:
            raise RuntimeError("unexpected pos 64 vs 0")
    assert str(in_words(hidden.value, "fit")).startswith("fit: memory ran out")


def test_errors_that_no_user_can_fix_are_not_translated() -> None:
    assert in_words(ValueError("of ours"), "fit") is None
    error = ReproError("what", where="where", hint="hint")
    assert in_words(error, "fit") is error
