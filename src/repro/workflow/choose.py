"""Choose: the options of the command line in, the study to run out."""

import os
from pathlib import Path

from repro import study as studies
from repro.errors import ReproError
from repro.fetch.sources import DEFAULT_ROOT, ROOT_VARIABLE
from repro.runs import PROJECT_ROOT
from repro.workflow.choices import Choices


def choose_study(choices: Choices, root: Path = PROJECT_ROOT) -> tuple[studies.Study, str]:
    """The study to run, and a line that says which and why; ReproError where it needs images and none are named."""
    data_root, source = _data_root(choices, root)
    if choices.study is None:
        name = "embedded" if data_root is None else "mvtec"
        why = "MVTec AD is not on disk" if data_root is None else f"images from {source}: {data_root}"
    else:
        name, why = choices.study, "asked for with --study"
    study = studies.load(name)
    if study.data.source == "published":
        # A folder of MVTec AD holds no result images.
        data_root = choices.data_root
    elif study.data.source == "procedural":
        if choices.data_root is not None:
            raise ReproError(
                "draws its own images", where=f"study {study.name}", hint="leave --data-root out or use --study mvtec"
            )
        data_root = None
    elif choices.data_root is None and study.data.root is not None:
        data_root = Path(study.data.root)
    elif data_root is None and not choices.dry_run:
        raise ReproError(
            "needs images on disk and none are given",
            where=f"study {study.name}",
            hint=f"name their folder with --data-root or ${ROOT_VARIABLE}, or run `nox -s fetch -- mvtec`, which puts "
            f"them into {DEFAULT_ROOT}",
        )
    study = studies.choose(study, data_root=data_root, categories=list(choices.categories))
    return study, f"study {study.name} ({why})"


def _data_root(choices: Choices, root: Path) -> tuple[Path | None, str]:
    """The folder of images, if any is named or lies in its default place, and what named it."""
    if choices.data_root is not None:
        return choices.data_root, "--data-root"
    if os.environ.get(ROOT_VARIABLE):
        return Path(os.environ[ROOT_VARIABLE]), f"${ROOT_VARIABLE}"
    default = root / DEFAULT_ROOT
    return (default if default.is_dir() else None), str(DEFAULT_ROOT)
