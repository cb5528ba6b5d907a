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
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    ],
)
def test_memory_that_runs_out_is_told_as_such(error: Exception) -> None:
    told = in_words(error, "fit patchcore/grid/seed0")
    assert str(told).startswith("fit patchcore/grid/seed0: memory ran out; free some")


def test_a_folder_that_cannot_be_written_is_named() -> None:
    told = in_words(OSError(errno.EROFS, "Read-only file system", "/there/runs"), "fit")
    assert str(told).startswith("/there/runs: cannot be written (Read-only file system); make the folder writable")


def test_a_copy_of_a_folder_that_does_not_fit_is_told() -> None:
    error = shutil.Error([("from", "to", "[Errno 28] No space left on device: 'to'")])
    assert str(in_words(error, "export")).startswith("export: cannot be written (No space left on device); free some")
    assert in_words(shutil.Error([("from", "to", "is no file")]), "export") is None


def test_what_a_library_hides_behind_an_error_of_its_own_is_told() -> None:
    with pytest.raises(RuntimeError) as hidden:
        try:
            raise MemoryError
        finally:
            raise RuntimeError("unexpected pos 64 vs 0")
    assert str(in_words(hidden.value, "fit")).startswith("fit: memory ran out")


def test_what_no_user_can_mend_stays_as_it_is() -> None:
    assert in_words(ValueError("of ours"), "fit") is None
    error = ReproError("what", where="where", hint="hint")
    assert in_words(error, "fit") is error
