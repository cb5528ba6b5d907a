"""`python -m patch_search --study embedded`: measure the engines and write report/patches.json."""

import argparse
import sys

from patch_search.measure import benchmark
from patch_search.search import table
from repro.errors import ReproError
from repro.runs import PROJECT_ROOT, RunFolder
from repro.study import load_resolved


def main() -> None:
    """Measure the engines and print the table."""
    parser = argparse.ArgumentParser(prog="patch_search", description=__doc__)
    parser.add_argument("--study", default="embedded", help="name of a trained study (default: %(default)s)")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[10_000, 100_000], help="vectors in a collection (default: %(default)s)"
    )
    parser.add_argument("--qdrant-url", help="also measure this Qdrant server")
    options = parser.parse_args()
    folder = RunFolder(options.study)
    report = PROJECT_ROOT / "report"
    print(table(benchmark(folder, load_resolved(folder), options.sizes, options.qdrant_url, report)))


if __name__ == "__main__":
    try:
        main()
    except ReproError as error:
        sys.exit(f"error: {error}")
