"""Errors that a user can mend: each says what is wrong, where, and what to do."""

import errno
import os
import shutil
from collections.abc import Sequence


class ReproError(Exception):
    """One problem, told in one line.

    Args:
        what: what is wrong.
        where: the file, key, folder or address it is wrong in.
        mend: what the user can do about it.
    """

    def __init__(self, what: str, *, where: object, hint: str) -> None:
        self.what, self.where, self.hint = what, str(where), hint
        super().__init__("".join(map(_visible, f"{where}: {what}; {hint}")))


def _visible(character: str) -> str:
    """Names may hold what would end the line or tell the terminal something."""
    return character if character.isprintable() else character.encode("unicode_escape").decode()


class DataError(ReproError):
    """A data set that cannot be used; `problems` lists every fault found, each with its path."""

    def __init__(self, problems: Sequence[str], *, where: object, hint: str) -> None:
        self.problems = tuple(problems)
        listed = "; ".join(self.problems)
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        super().__init__(f"{count}: {listed}", where=where, hint=hint)


#: What helps where a file cannot be written, by the system's error number.
UNWRITABLE = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some of the quota there",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EROFS: "make the folder writable",
    errno.EACCES: "make the folder writable",
    errno.EPERM: "make the folder writable",
}
AGAIN = "then run the same command again; what is finished is kept"
#: What torch, its libraries and the dynamic loader say where memory runs out; Python itself raises MemoryError.
MEMORY = ("allocate memory", "bad_alloc", "out of memory", "could not create a memory", "failed to map segment")


def unwritable(error: OSError, where: object) -> ReproError:
    """The error of a file or folder that cannot be written."""
    what = f"cannot be written ({error.strerror})"
    return ReproError(what, where=where, hint=f"{UNWRITABLE[error.errno or 0]}, {AGAIN}")


def in_words(error: BaseException, stage: str) -> ReproError | None:
    """The user's error behind any other: a file, a disk or memory that did not suffice; None where it is none.

    Libraries raise others while they handle it, so that it may stand behind what arrives.
    """
    if isinstance(error, ReproError):
        return error
    if isinstance(error, OSError) and error.errno in UNWRITABLE:
        return unwritable(error, error.filename or stage)
    if isinstance(error, shutil.Error):
        # Of a copied folder: the reasons are text, one a file.
        told = [number for number in UNWRITABLE if os.strerror(number) in str(error)]
        return unwritable(OSError(told[0], os.strerror(told[0])), stage) if told else None
    if isinstance(error, MemoryError) or any(words in str(error) for words in MEMORY):
        hint = f"free some, raise the limit (ulimit -v) or let fewer cells run at once (--cores 1), {AGAIN}"
        return ReproError("memory ran out", where=stage, hint=hint)
    if isinstance(error, OSError) and error.filename:
        return ReproError(error.strerror or str(error), where=error.filename, hint="name another place")
    before = error.__cause__ or error.__context__
    return None if before is None else in_words(before, stage)
