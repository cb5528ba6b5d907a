"""Study files: read and validate what to run."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from repro.errors import ReproError
from repro.runs import Cell, RunFolder, read_json

STUDIES = Path(__file__).parent / "studies"
#: Studies whose results every paper shows, where their reports exist.
ABLATIONS = ("ablation", "mvtec-ablation")

Metric = Literal["image_auroc", "image_f1", "pixel_auroc", "pixel_f1", "image_ap", "pixel_ap", "aupro"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=100)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
#: Images or epochs; a larger number is a typing error.
Amount = Annotated[int, Field(ge=1, le=100_000)]


def _names_a_folder(category: str) -> str:
    """Braces would be wildcards of the workflow; files are named after it with endings of their own."""
    if re.search(r"[/\\{}]|^[.]|^\s|\s$", category) or not 1 <= len(category.encode()) <= 200:
        raise ValueError(
            f"{_shown(category)} names no category: up to 200 bytes, no slash, brace, leading dot or blank at an end"
        )
    return category


Category = Annotated[str, AfterValidator(_names_a_folder)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @field_validator("*")
    @classmethod
    def _is_printable(cls, value: Any) -> Any:
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", text):
                raise ValueError(f"{_shown(text)} holds a character that cannot be printed")
        return value


class ProceduralData(Part):
    """Stand-in images drawn from a seed."""

    source: Literal["procedural"]
    seed: Seed
    #: Per category: normal training images, normal test images, and test images of each defect type.
    train: Amount
    test_good: Amount
    test_defect: Amount


class FolderData(Part):
    """Images on disk."""

    source: Literal["folder"]
    #: `mvtec`: train, test and ground_truth in each category's folder; `visa`: Data/Images and Data/Masks there, and
    #: the split in split_csv/1cls.csv. See docs/extending.md.
    layout: Literal["mvtec", "visa"] = "mvtec"
    #: None: `--data-root`, `$REPRO_DATA_ROOT` or `datasets/MVTecAD` says where.
    root: str | None = None


class PublishedData(Part):
    """The published study's result images, from which its anomaly maps are recovered; nothing is trained."""

    source: Literal["published"]
    #: Folder of the images that `nox -s fetch -- published` downloads; None: its default.
    root: str | None = None


class VariantBase(Part):
    #: `published`: configured as the published study's code; `sound`: as the method's own paper asks.
    protocol: Literal["published", "sound"] = "published"
    #: Standard deviation, in pixels, of a Gaussian blur of the resized images; the published text claims a blur,
    #: its code has none.
    blur: float = Field(default=0.0, ge=0, le=16)
    #: Share of the training images that is not trained on. Thresholds come from them, as practice has no anomalies to
    #: choose one on, and so do the quantiles that bring EfficientAD's two maps to one scale, for which anomalib takes
    #: test images where it is 0.
    held_out: float = Field(default=0.0, ge=0, le=0.5)
    #: Seeds of this variant; None: those of the study.
    seeds: list[Seed] | None = Field(default=None, min_length=1)


class EfficientAdVariant(VariantBase):
    """EfficientAD (arXiv 2303.14535) as anomalib builds it; one image a step, as anomalib asks."""

    model: Literal["efficientad"]
    size: Literal["small", "medium"] = "small"
    padding: bool = False
    epochs: Amount
    #: `distilled`: the teacher that comes with the package, see models/teacher_small.md. `random`: one with seeded
    #: random weights. `official`: anomalib's teacher, distilled on ImageNet, which is downloaded.
    teacher: Literal["distilled", "random", "official"]
    #: Images of the penalty term. `photographs`: those that scikit-image and scikit-learn ship.
    penalty: Literal["photographs", "imagenette"]


class BackboneVariant(VariantBase):
    """A model on the feature maps of a frozen network."""

    #: timm's name of the network.
    backbone: str
    #: True: ImageNet weights, for `tf_efficientnet_lite0` from a package, for others downloaded by timm.
    #: False: weights drawn from the cell's seed, as in the published study.
    pretrained: bool
    layers: list[str] = Field(min_length=1)
    #: Side of the square crop after resizing; None: no crop.
    center_crop: int | None = Field(default=None, ge=32)
    #: The published study asks for 3; anomalib runs one, whatever is asked.
    epochs: Amount = 1


class PatchCoreVariant(BackboneVariant):
    """PatchCore (arXiv 2106.08265) as anomalib builds it."""

    model: Literal["patchcore"]
    neighbours: int = Field(ge=1, le=1000)
    coreset_ratio: float = Field(gt=0, le=1)


class PadimVariant(BackboneVariant):
    """PaDiM (arXiv 2011.08785) as anomalib builds it; the published study has no such model."""

    model: Literal["padim"]
    protocol: Literal["sound"] = "sound"
    #: Channels of the joined layers to keep, drawn from the cell's seed.
    features: int = Field(ge=1)


Variant = Annotated[EfficientAdVariant | PatchCoreVariant | PadimVariant, Field(discriminator="model")]


class Guard(Part):
    """Lower bound of a metric that the study accepts, for one category or, without `category`, for each."""

    variant: Name
    metric: Metric
    minimum: float = Field(ge=0, le=1)
    category: Category | None = None


class Study(Part):
    """A study: everything that decides its results."""

    name: Name
    title: str = Field(min_length=1)
    image_size: int = Field(ge=64, le=2048)
    categories: list[Category] = Field(min_length=1)
    seeds: list[Seed] = Field(min_length=1)
    data: Annotated[ProceduralData | FolderData | PublishedData, Field(discriminator="source")]
    variants: dict[Name, Variant] = Field(min_length=1)
    #: Test images whose neighbours the paper shows, without the file's ending, for example `grid/broken/000`.
    #: Without any there is no similarity search. In a category without an existing one the first anomalous image is
    #: shown, and the paper says so.
    queries: list[str] = []
    guards: list[Guard] = []

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        for label, values in (("categories", self.categories), ("seeds", self.seeds)):
            if len(set(values)) != len(values):
                raise ValueError(f"{label} holds a value twice")
        for name, variant in self.variants.items():
            if isinstance(variant, EfficientAdVariant) and self.image_size < 256:
                raise ValueError(f"variants.{name}: EfficientAD needs image_size 256 or more")
            if isinstance(variant, EfficientAdVariant) and variant.size != "small" and variant.teacher != "official":
                raise ValueError(f'variants.{name}: a teacher of size {variant.size} is "official" only')
            if len(set(variant.seeds or [])) != len(variant.seeds or []):
                raise ValueError(f"variants.{name}.seeds holds a value twice")
            if isinstance(variant, BackboneVariant) and (variant.center_crop or 0) > self.image_size:
                raise ValueError(f"variants.{name}.center_crop is larger than image_size {self.image_size}")
        for guard in self.guards:
            if guard.variant not in self.variants:
                raise ValueError(f"guards: no variant {guard.variant!r}; there are {', '.join(self.variants)}")
            if guard.category not in (None, *self.categories):
                raise ValueError(f"guards: no category {guard.category!r}; there are {', '.join(self.categories)}")
        return self

    def cell(self, key: str) -> Cell:
        """Get the cell of a key; ReproError where the study has no such cell."""
        cell = Cell.from_key(key)
        if cell not in self.cells:
            hint = f"choose from {', '.join(cell.key for cell in self.cells)}"
            raise ReproError(f"is no cell of study {self.name}", where=key, hint=hint)
        return cell

    @property
    def cells(self) -> list[Cell]:
        """All combinations of variant, category and seed, in that order."""
        return [
            Cell(variant, category, seed)
            for variant in self.variants
            for category in self.categories
            for seed in self.seeds_of(variant)
        ]

    def seeds_of(self, variant: str) -> list[int]:
        """Seeds that a variant is trained with."""
        return self.variants[variant].seeds or self.seeds


def names() -> list[str]:
    """List the studies of the package."""
    return sorted(path.stem for path in STUDIES.glob("*.toml"))


def load(name_or_path: str) -> Study:
    """Read a study by name (`embedded`) or from a TOML file; ReproError says which key is wrong and what is allowed."""
    path = Path(name_or_path) if name_or_path.endswith(".toml") else STUDIES / f"{name_or_path}.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReproError(
            "no such study", where=name_or_path, hint=f"use one of {', '.join(names())} or the path of a .toml file"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ReproError(f"not TOML ({error})", where=path, hint="fix the syntax at that place") from None
    except OSError as error:
        raise ReproError(error.strerror or str(error), where=path, hint="name a readable .toml file") from None
    study = check(content, where=path)
    for query in study.queries:
        if query.split("/")[0] not in study.categories:
            raise ReproError(
                f"queries: {query} is of no category of the study", where=path, hint="correct the study file"
            )
    return study


def check(content: Any, *, where: Path, hint: str = "correct the study file") -> Study:
    """Validate the content of a study; ReproError names file and key of each fault."""
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        faults = [_in_words(fault) for fault in error.errors()]
        raise ReproError("; ".join(faults), where=where, hint=hint) from None


def choose(study: Study, *, data_root: Path | None, categories: list[str] | None) -> Study:
    """Apply the choices of the command line to a study: other data, other categories.

    Guards of other categories are dropped; with other data all are, because they were set for the study's own.
    """
    content = study.model_dump()
    if data_root is not None:
        own = content["data"].get("root")
        if own is None or Path(own).resolve() != data_root.resolve():
            content["guards"] = []
        if isinstance(study.data, PublishedData):
            content["data"]["root"] = str(data_root.resolve())
        else:
            layout = content["data"].get("layout", "mvtec")
            content["data"] = {"source": "folder", "layout": layout, "root": str(data_root.resolve())}
    if categories:
        content["categories"] = categories
        content["guards"] = [g for g in content["guards"] if g["category"] is None or g["category"] in categories]
    return check(content, where=Path("command line"))


def load_resolved(folder: RunFolder) -> Study:
    """Load the study as resolved when the run began, or without a run the study of that name in the package."""
    if not folder.study_file.is_file() and folder.study in names():
        return load(folder.study)
    hint = f"run `nox -s reproduce` or `repro reproduce --study {folder.study}` first"
    content = read_json(folder.study_file, hint=hint)
    # Only repro writes this file, so that an invalid one is of another version.
    hint = (
        "another version of repro began this run: `repro reproduce` with the study that began it brings it up to date"
    )
    return check(content, where=folder.study_file, hint=hint)


def _in_words(fault: ErrorDetails) -> str:
    key = ".".join(str(part) for part in _without_tag(fault["loc"]))
    context = fault.get("ctx", {})
    match fault["type"]:
        case "extra_forbidden":
            return f"{key} is not a known key"
        case "missing":
            return f"{key} is missing"
        case "literal_error":
            return f"{key} is {_shown(fault['input'])}, allowed is {context['expected']}"
        case "union_tag_invalid":
            tag = str(context["discriminator"]).strip("'")
            return f"{key}.{tag} is {_shown(context['tag'])}, allowed is {context['expected_tags']}"
        case "value_error":
            return f"{key}: {context['error']}" if key else str(context["error"])
    message = fault["msg"].replace("Input should be", "should be")
    return f"{key} is {_shown(fault['input'])}, {message}" if key else message


def _shown(value: Any) -> str:
    """Format a value, truncated; Python refuses to format numbers of thousands of digits."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:79]}…"


def _without_tag(place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Remove the tag of a union from a location of pydantic, because the file has no such key."""
    tag = {"variants": 2, "data": 1}.get(str(place[0])) if place else None
    return place if tag is None else place[:tag] + place[tag + 1 :]
