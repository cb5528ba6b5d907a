"""Commands that bring data, weights and measurements."""

from pathlib import Path
from typing import TYPE_CHECKING

from repro.arguments import Options, argument, command, names

if TYPE_CHECKING:
    pass


@command(
    argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="published (393 MB: the study's own result images), mvtec (5.3 GB), imagenette (1.6 GB), teacher (40 MB), "
        "resnet18 (47 MB), wide_resnet50_2 (276 MB), or weights for the last two (default: all but published); what is "
        "there is verified and left alone",
    ),
    argument(
        "--from",
        dest="given",
        type=Path,
        metavar="PATH",
        help="take it from this archive or folder, not the internet: MVTec AD whole or a category of it, packed or "
        "not, or a folder with downloaded files",
    ),
    argument(
        "--data-root", type=Path, help="where MVTec AD is to lie (default: $REPRO_DATA_ROOT, else datasets/MVTecAD)"
    ),
)
def fetch(options: Options) -> None:
    """Bring data sets and weights to where they are looked for."""
    from repro.fetch.fetch import fetch

    fetch(tuple(options.names), options.given, options.data_root)


@command(
    argument("--panels", type=Path, default=Path("datasets") / "published-panels", help="default: %(default)s"),
    argument("--folder", type=Path, default=Path("datasets") / "mvtec-fewshot", help="default: %(default)s"),
    argument("--categories", type=names, default=("grid", "tile", "leather"), help="default: grid,tile,leather"),
)
def fewshot(options: Options) -> None:
    """Build a small data set of real images from the published result images."""
    from repro.panels.fewshot import build

    build(options.panels, options.folder, options.categories)


@command(
    argument(
        "--folder",
        type=Path,
        default=Path("runs") / "distill",
        help="where checkpoint.pt lies; training resumes from it (default: %(default)s)",
    ),
    argument(
        "--photographs",
        type=Path,
        default=Path("datasets") / "101_ObjectCategories",
        help="the folder of that name of Caltech-101, https://doi.org/10.22002/D1.20086 (default: %(default)s)",
    ),
)
def distill(options: Options) -> None:
    """Distil the teacher that comes with the package again."""
    from repro.distill import photographs
    from repro.distill.card import ship
    from repro.distill.train import Recipe, train

    photographs.check(options.photographs)
    recipe = Recipe()
    state = train(recipe, options.photographs, options.folder / "checkpoint.pt")
    ship(recipe, state, options.photographs)


@command(argument("measured", type=Path, help="JSON file of pytest-benchmark; `nox -s bench` makes both"))
def bench(options: Options) -> None:
    """Pair what pytest-benchmark measured into report/bench.json."""
    from repro.costs.bench import bench, last, table
    from repro.runs import PROJECT_ROOT

    before = last(PROJECT_ROOT / "report")
    print(table(bench(options.measured, PROJECT_ROOT / "report"), before))


@command(argument("folder", type=Path))
def schema(options: Options) -> None:
    """Write the JSON Schemas of the result files."""
    from repro.records.schema import schemas
    from repro.runs import write_json

    for name, content in schemas().items():
        write_json(options.folder / name, content)
