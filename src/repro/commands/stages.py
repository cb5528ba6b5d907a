"""One command a stage; each keeps the hashes of what it reads and writes."""

from typing import TYPE_CHECKING

from repro.arguments import ACCELERATOR, CELL, DEVICES, QDRANT, STUDY, Options, argument, command

if TYPE_CHECKING:
    pass

from repro.commands.context import begun, cell_of, device_of, folder_of, one_gpu, quiet, recorded


@command(STUDY, writes=True)
def data(options: Options) -> None:
    """Draw or find the images of a study and check them."""
    from repro.stages.data import prepare

    folder, study = begun(options)
    prepare(folder, study)


@command(STUDY, CELL, ACCELERATOR, DEVICES, writes=True)
def fit(options: Options) -> None:
    """Train a cell."""
    folder, study = begun(options)
    with one_gpu(options, folder):
        from repro.stages.fit import fit

        cell, device = study.cell(options.cell), device_of(options)
        quiet()
        recorded(options, lambda: fit(folder, study, cell, device))


@command(STUDY, CELL, ACCELERATOR, DEVICES, writes=True)
def predict(options: Options) -> None:
    """Run a trained cell on its test images."""
    folder, study = begun(options)
    with one_gpu(options, folder):
        from repro.stages.predict import predict

        cell, device = study.cell(options.cell), device_of(options)
        quiet()
        recorded(options, lambda: predict(folder, study, cell, device))


@command(STUDY, CELL, writes=True)
def recover(options: Options) -> None:
    """Recover the anomaly maps of the published study from its result images."""
    from repro.stages.recover import recover

    folder, study = begun(options)
    cell = study.cell(options.cell)
    recorded(options, lambda: recover(folder, study, cell))


@command(STUDY, CELL, writes=True)
def score(options: Options) -> None:
    """Compute the metrics of a cell."""
    from repro.stages.score import score

    recorded(options, lambda: score(folder_of(options), cell_of(options)))


@command(STUDY, CELL, QDRANT, writes=True)
def retrieve(options: Options) -> None:
    """Search the test images of a cell for similar ones."""
    from repro.stages.retrieve import retrieve

    folder, study = begun(options)
    cell = study.cell(options.cell)
    recorded(options, lambda: retrieve(folder, study, cell, options.qdrant_url))


@command(STUDY, writes=True)
def receptive_field(options: Options) -> None:
    """Compute and measure the receptive fields."""
    from repro.stages.receptive_field import receptive_field

    recorded(options, lambda: receptive_field(folder_of(options)))


@command(
    STUDY,
    argument("--partial", action="store_true", help="of the cells that are finished; the rest is missing"),
    writes=True,
)
def results(options: Options) -> None:
    """Gather results.json, environment.json and timings.json."""
    from repro.stages.results import results

    folder, study = begun(options)
    recorded(options, lambda: results(folder, study, partial=options.partial))


@command(
    STUDY,
    argument("--accept", action="store_true", help="make these verdicts those that may not change unnoticed"),
    writes=True,
)
def verdicts(options: Options) -> None:
    """Judge the published claims."""
    from repro.stages.verdicts import accept, verdicts

    folder = folder_of(options)
    recorded(options, lambda: verdicts(folder))
    if options.accept:
        accept(folder, folder.ledger)


@command(
    STUDY,
    argument("--keep-going", action="store_true", help="exit 0 all the same: the paper shows what failed"),
    writes=True,
)
def guard(options: Options) -> int:
    """Assert what must hold of results.json; exit 1 where it does not."""
    from repro.stages.guard import guard

    guards = recorded(options, lambda: guard(folder_of(options)))
    return 1 if guards.failed and not options.keep_going else 0


@command(
    STUDY,
    argument("--only", metavar="FILE", help="draw this one alone, for example metrics.svg"),
    writes=True,
)
def figures(options: Options) -> None:
    """Draw the figures."""
    from repro.progress import Progress
    from repro.stages.figures import draw

    folder, progress = folder_of(options), Progress("draw figures", "figures")
    if options.only:
        # One figure alone says nothing of what the others were made from.
        draw(folder, progress, options.only)
    else:
        recorded(options, lambda: draw(folder, progress))


@command(STUDY, writes=True)
def render(options: Options) -> None:
    """Write paper.md, paper.pdf and paper.html."""
    import gc

    from repro.stages.render import render

    # A process that makes a million small objects and ends: looking for cycles among them costs it a tenth of its time.
    gc.disable()
    recorded(options, lambda: render(folder_of(options)))
