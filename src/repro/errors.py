"""Errors that a user can fix: each says what is wrong, where, and what to do."""

import errno
import os
import re
import shutil
from collections import Counter
from collections.abc import Sequence


class ReproError(Exception):
    """One problem, in one line.

    Args:
        what: what is wrong.
        where: the file, key, folder or address it is wrong in.
        hint: what the user can do about it.
    """

    def __init__(self, what: str, *, where: object, hint: str) -> None:
        self.what, self.where, self.hint = what, str(where), hint
        super().__init__(visible(f"{where}: {what}; {hint}"))


def visible(text: str) -> str:
    """Escape what would end the line or control the terminal, or is not UTF-8; file names may hold it."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


#: Problems of a data set that a message lists.
MOST_LISTED = 10


class DataError(ReproError):
    """A data set that cannot be used; `problems` lists every fault, each with its path.

    The message of a long list begins with how many there are of each kind; `listed_in` names a file that holds all.
    """

    def __init__(self, problems: Sequence[str], *, where: object, hint: str, listed_in: object = None) -> None:
        self.problems = tuple(problems)
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        listed = "; ".join(self.problems[:MOST_LISTED])
        if len(problems) > MOST_LISTED:
            kinds = Counter(map(_kind, problems)).most_common()
            count += f" ({', '.join(f'{number} x {kind}' for kind, number in kinds)})"
            listed += f"; and {len(problems) - MOST_LISTED} more" + (f", all in {listed_in}" if listed_in else "")
        super().__init__(f"{count}: {listed}", where=where, hint=hint)


def _kind(problem: str) -> str:
    """A problem without its path and details."""
    return re.split(r"[(;,]| for an image| of \d", problem.partition(": ")[2])[0].strip()


#: What to do where a file cannot be written, by the system's error number.
UNWRITABLE = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some of the quota there",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EROFS: "make the folder writable",
    errno.EACCES: "make the folder writable",
    errno.EPERM: "make the folder writable",
}
AGAIN = "then run the same command again; what is finished is kept"
#: Messages of torch, its libraries and the dynamic loader where memory runs out; Python itself raises MemoryError.
MEMORY = (
    *("allocate memory", "bad_alloc", "out of memory", "could not create a memory", "failed to map segment"),
    # The stack of a thread.
    "can't start new thread",
)


def unwritable(error: OSError, where: object) -> ReproError:
    """The error of a file or folder that cannot be written."""
    what = f"cannot be written ({error.strerror})"
    return ReproError(what, where=where, hint=f"{UNWRITABLE[error.errno or 0]}, {AGAIN}")


def in_words(error: BaseException, stage: str) -> ReproError | None:
    """The error that a user can fix behind any other: a file, a full disk, too little memory; None where it is another.

    Libraries raise errors of their own while they handle it, so its causes are searched too.
    """
    if isinstance(error, ReproError):
        return error
    if isinstance(error, OSError) and error.errno in UNWRITABLE:
        return unwritable(error, error.filename or stage)
    if isinstance(error, shutil.Error):
        # Of a copied folder: the reasons are text, one a file.
        numbers = [number for number in UNWRITABLE if os.strerror(number) in str(error)]
        return unwritable(OSError(numbers[0], os.strerror(numbers[0])), stage) if numbers else None
    if isinstance(error, MemoryError) or any(words in str(error) for words in MEMORY):
        hint = f"free some, raise the limit (ulimit -v) or let fewer cells run at once (--cores 1), {AGAIN}"
        return ReproError("memory ran out", where=stage, hint=hint)
    if isinstance(error, OSError) and error.filename:
        return ReproError(error.strerror or str(error), where=error.filename, hint="name another place")
    before = error.__cause__ or error.__context__
    return None if before is None else in_words(before, stage)
