"""Read claims.toml: one frozen claim for each checkable statement of the published study."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from repro.errors import ReproError
from repro.records.base import Record, Score, fault

CLAIMS = Path(__file__).with_name("claims.toml")
Model = Literal["efficientad", "patchcore"]
Metric = Literal["image_auroc", "image_f1", "pixel_auroc", "pixel_f1"]
Column = Literal["kernel", "stride", "padding", "output", "jump", "receptive_field"]
METRICS: dict[Metric, str] = {
    "image_auroc": "an image AUROC",
    "image_f1": "an image F1",
    "pixel_auroc": "a pixel AUROC",
    "pixel_f1": "a pixel F1",
}
MODELS: dict[Model, str] = {"efficientad": "EfficientAD", "patchcore": "PatchCore"}
FIELD_COLUMNS: dict[Column, str] = {
    "kernel": "kernel size",
    "stride": "stride",
    "padding": "padding",
    "output": "output size",
    "jump": "jump",
    "receptive_field": "receptive field",
}
#: Fields of a claim that each rule needs.
NEEDS: dict[str, tuple[str, ...]] = {
    "value": ("model", "category", "metric", "value"),
    "order": ("model", "greater"),
    "lowest": ("model", "lowest"),
    "smaller_defects": ("category", "others"),
    "similarity": ("model", "query"),
    "feature": (),
    "efficientnet": (),
    "pretrained": (),
    "blur": (),
    "epochs": ("model", "epochs"),
    "memory_bank": (),
    "receptive_field": ("layer", "column", "value"),
}


class Claim(Record):
    """A checkable statement of the published study; fields that its rule does not need are None or empty."""

    id: str
    #: Section or table of the published paper.
    place: str
    #: The statement in our words.
    statement: str
    published: str
    #: Name of the rule that judges the claim.
    rule: str
    #: The evidence that judging the claim takes.
    needs: str
    model: Model | None = None
    category: str | None = None
    metric: Metric | None = None
    #: The published number.
    value: float | None = None
    #: Pairs whose left side must be greater, each side `model.category.metric` or a number.
    greater: tuple[tuple[str | float, str | float], ...] = ()
    #: The metric that is lowest among the categories, as `model.category.metric`.
    lowest: str | None = None
    #: Values that the statement repeats from the published table.
    quotes: dict[str, float] = Field(default={})
    #: Categories with which `category` is compared.
    others: tuple[str, ...] = ()
    #: Prefix of the name of the query image.
    query: str | None = None
    epochs: int | None = None
    #: Row and column of the receptive-field table.
    layer: str | None = None
    column: Column | None = None


class ScoreTable(Record, extra="allow"):
    """A published table of scores: its place, the evidence that judging it takes, and one row per category."""

    place: str
    needs: str
    __pydantic_extra__: dict[str, dict[Metric, Score]] = Field(init=False)


class FieldRow(Record):
    layer: str
    kernel: int
    stride: int
    padding: int
    output: int
    jump: int
    receptive_field: int


class FieldTable(Record):
    """The published table of receptive fields."""

    place: str
    needs: str
    rows: tuple[FieldRow, ...]


class File(Record):
    """Content of claims.toml."""

    #: Text of each rule.
    rules: dict[str, str]
    configuration: dict[Model, dict[str, Any]]
    scores: dict[Model, ScoreTable]
    claim: tuple[Claim, ...]
    receptive_field: FieldTable


@dataclass(frozen=True)
class Published:
    """The claims, with the rules and published values that judge them."""

    claims: tuple[Claim, ...]
    #: Text of each rule.
    rules: dict[str, str]
    #: Settings of the published configuration, by model.
    configuration: dict[Model, dict[str, Any]]
    #: Published scores by `model.category.metric`.
    scores: dict[str, float]

    def holds(self, claim: Claim) -> bool | None:
        """Check whether the published tables support a claim about them; None for other claims."""
        if not claim.greater and claim.lowest is None:
            return None
        ordered = all(self._number(left) > self._number(right) for left, right in claim.greater)
        lowest = claim.lowest is None or self.scores[claim.lowest] == min(
            self.scores[name] for name in siblings(claim.lowest, self.scores)
        )
        quoted = all(self.scores[name] == value for name, value in claim.quotes.items())
        return ordered and lowest and quoted

    def _number(self, side: str | float) -> float:
        return self.scores[side] if isinstance(side, str) else side


def siblings(name: str, names: Iterable[str]) -> list[str]:
    """Select from `names` those with the model and metric of `name`, of any category."""
    model, _, metric = name.split(".")
    return [other for other in names if other.split(".")[0] == model and other.split(".")[2] == metric]


def published(path: Path = CLAIMS) -> Published:
    """Read claims.toml; each value of its tables becomes a claim, in the order of the published paper's sections.

    Raises ReproError where the file is missing or not TOML, or a claim lacks a field that its rule needs.
    """
    hint = "correct the file of claims"
    try:
        content = File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise ReproError(fault(error), where=path, hint=hint) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ReproError(f"cannot be read ({error})", where=path, hint=hint) from None
    scores = {
        f"{model}.{category}.{metric}": value
        for model, table in content.scores.items()
        for category, row in table.__pydantic_extra__.items()
        for metric, value in row.items()
    }
    claims = (*_score_claims(content), *content.claim, *_field_claims(content.receptive_field))
    for message in _faults(claims, content, scores):
        raise ReproError(message, where=path, hint=hint)
    return Published(claims, content.rules, content.configuration, scores)


def _faults(claims: tuple[Claim, ...], content: File, scores: dict[str, float]) -> Iterator[str]:
    duplicates = [name for name, count in Counter(claim.id for claim in claims).items() if count > 1]
    yield from (f"{name} is claimed twice" for name in duplicates)
    yield from (f"configuration: no {model}" for model in MODELS if model not in content.configuration)
    for claim in claims:
        if claim.rule not in NEEDS or claim.rule not in content.rules:
            yield f"{claim.id}: no rule {claim.rule} with a text; rules are {', '.join(NEEDS)}"
            continue
        missing = [key for key in NEEDS[claim.rule] if getattr(claim, key) in (None, ())]
        if missing:
            yield f"{claim.id}: {' and '.join(missing)} is missing"
        named = [side for pair in claim.greater for side in pair if isinstance(side, str)]
        named += [*claim.quotes, *([claim.lowest] if claim.lowest else [])]
        yield from (f"{claim.id}: {name} is not in the tables of scores" for name in named if name not in scores)


def _score_claims(content: File) -> Iterator[Claim]:
    for model, table in content.scores.items():
        for category, row in table.__pydantic_extra__.items():
            for metric, value in row.items():
                yield Claim(
                    id=f"{model}-{category}-{metric.replace('_', '-')}",
                    place=table.place,
                    statement=f"{MODELS[model]} reaches {METRICS[metric]} of {value:.4f} on {category}.",
                    published=f"{value:.4f}",
                    rule="value",
                    needs=table.needs,
                    model=model,
                    category=category,
                    metric=metric,
                    value=value,
                )


def _field_claims(table: FieldTable) -> Iterator[Claim]:
    for row in table.rows:
        for column, words in FIELD_COLUMNS.items():
            value = getattr(row, column)
            yield Claim(
                id=f"rf-{row.layer}-{column.replace('_', '-')}",
                place=table.place,
                statement=f"The {words} of {row.layer} in the patch description network is {value}.",
                published=str(value),
                rule="receptive_field",
                needs=table.needs,
                layer=row.layer,
                column=column,
                value=value,
            )
