"""Errors that a user can mend: each says what is wrong, where, and what to do."""

from collections.abc import Sequence


class ReproError(Exception):
    """One problem, told in one line.

    Args:
        what: what is wrong.
        where: the file, key, folder or address it is wrong in.
        mend: what the user can do about it.
    """

    def __init__(self, what: str, *, where: object, mend: str) -> None:
        self.what, self.where, self.mend = what, str(where), mend
        super().__init__("".join(map(_visible, f"{where}: {what}; {mend}")))


def _visible(character: str) -> str:
    """Names may hold what would end the line or tell the terminal something."""
    return character if character.isprintable() else character.encode("unicode_escape").decode()


class DataError(ReproError):
    """A data set that cannot be used; `problems` lists every fault found, each with its path."""

    def __init__(self, problems: Sequence[str], *, where: object, mend: str) -> None:
        self.problems = tuple(problems)
        listed = "; ".join(self.problems)
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        super().__init__(f"{count}: {listed}", where=where, mend=mend)
