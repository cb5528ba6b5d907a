"""Commands on a finished report."""

from pathlib import Path
from typing import TYPE_CHECKING

from repro.arguments import STUDY, Options, argument, command

if TYPE_CHECKING:
    pass

from repro.commands.context import folder_of


@command(STUDY)
def verify(options: Options) -> int:
    """Name files that are altered, missing or stale; exit 1 where any is."""
    from repro.integrity.verify import report
    from repro.progress import Progress

    return report(folder_of(options), Progress("verify", "files"))


@command(
    STUDY,
    argument("--baseline", type=Path, help="default: baselines/<study>.json"),
    argument("--markdown", type=Path, help="append the table to this file, for a CI summary"),
    argument("--accept", action="store_true", help="make the present results the baseline"),
)
def regression(options: Options) -> int:
    """Compare results.json with the committed baseline; exit 1 on a regression."""
    from repro.integrity.regression import accept, compare, markdown

    folder = folder_of(options)
    baseline = options.baseline or folder.root / "baselines" / f"{options.study}.json"
    if options.accept:
        accept(folder, baseline)
    table = compare(folder, baseline)
    print(table.to_string(index=False, na_rep=""))
    if options.markdown:
        with options.markdown.open("a", encoding="utf-8") as stream:
            stream.write(markdown(table))
    return 1 if (table["verdict"] == "regression").any() else 0


@command(
    argument("image", type=Path, help="a new image, in any format that Pillow reads"),
    STUDY,
    argument("--category", help="default: the study's only one, or the one among the folders of the image"),
)
def search(options: Options) -> None:
    """Find the test images of a study that are most like a new image, and write them side by side."""
    from repro.lookup import look_up, write_sheet

    folder = folder_of(options)
    answer = look_up(folder, options.image, options.category)
    for found in answer.found:
        print(f"{found.similarity:.4f}  {found.image}")
    print(f"side by side: {write_sheet(folder, options.image, answer)}")


@command(STUDY, argument("--port", type=int, default=0, help="default: any that is free"))
def view(options: Options) -> None:
    """Serve the paper's page on this machine."""
    from repro.paper.view import serve

    serve(folder_of(options), options.port)


@command(STUDY, argument("name", help="as the page lists it under “Where the numbers come from”, for example scores"))
def table(options: Options) -> None:
    """Print one table of the paper as CSV."""
    from repro.paper.table import table

    print(table(folder_of(options), options.name), end="")


@command(STUDY, argument("folder", type=Path, help="folder to make"))
def export(options: Options) -> None:
    """Write a crate with tables as CSV and anomaly maps as TIFF."""
    from repro.export import export
    from repro.progress import Progress

    export(folder_of(options), options.folder, Progress("export anomaly maps", "cells"))
