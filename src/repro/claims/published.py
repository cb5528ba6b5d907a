"""Published: claims.toml in, one frozen claim for each checkable statement out."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

CLAIMS = Path(__file__).parents[1] / "claims.toml"
METRICS = {
    "image_auroc": "an image AUROC",
    "image_f1": "an image F1",
    "pixel_auroc": "a pixel AUROC",
    "pixel_f1": "a pixel F1",
}
MODELS = {"efficientad": "EfficientAD", "patchcore": "PatchCore"}
FIELD_COLUMNS = {
    "kernel": "kernel size",
    "stride": "stride",
    "padding": "padding",
    "output": "output size",
    "jump": "jump",
    "receptive_field": "receptive field",
}


class Claim(BaseModel):
    """A checkable statement of the published study; what a rule does not need is None or empty."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    #: Where the published paper says it.
    place: str
    #: The statement in a sentence of ours.
    statement: str
    published: str
    #: Name of the rule that judges it.
    rule: str
    #: The evidence that it takes.
    needs: str
    model: str | None = None
    category: str | None = None
    metric: str | None = None
    #: The published number.
    value: float | None = None
    #: Pairs whose left side must be the greater: `model.category.metric` or a number.
    greater: tuple[tuple[str | float, str | float], ...] = ()
    #: What is lowest among the categories, as `model.category.metric`.
    lowest: str | None = None
    #: Values that the sentence repeats from the published table.
    quotes: dict[str, float] = {}
    #: Categories with which `category` is compared.
    others: tuple[str, ...] = ()
    #: Beginning of the name of the query image.
    query: str | None = None
    epochs: int | None = None
    #: Row and column of the receptive-field table.
    layer: str | None = None
    column: str | None = None


@dataclass(frozen=True)
class Published:
    """Everything that claims.toml says."""

    claims: tuple[Claim, ...]
    #: Text of each rule.
    rules: dict[str, str]
    #: Settings of the published configuration, by model.
    configuration: dict[str, dict[str, Any]]
    #: The tables of scores, `model.category.metric` to the published value.
    scores: dict[str, float]

    def holds(self, claim: Claim) -> bool | None:
        """Whether the published tables bear a sentence about them out; None for a claim that is no such sentence."""
        if not claim.greater and claim.lowest is None:
            return None
        greater = all(self._number(left) > self._number(right) for left, right in claim.greater)
        lowest = claim.lowest is None or self.scores[claim.lowest] == min(
            self.scores[name] for name in siblings(claim.lowest, self.scores)
        )
        return greater and lowest and all(self.scores[name] == value for name, value in claim.quotes.items())

    def _number(self, side: str | float) -> float:
        return self.scores[side] if isinstance(side, str) else side


def siblings(name: str, names: Any) -> list[str]:
    """Of `names` those with the model and metric of `name`, whatever their category."""
    model, _, metric = name.split(".")
    return [one for one in names if one.split(".")[0] == model and one.split(".")[2] == metric]


def published(path: Path = CLAIMS) -> Published:
    """Read claims.toml: the cells of its tables become a claim each, in the order of the published paper's sections."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    scores: dict[str, float] = {}
    claims = []
    for model, table in content["scores"].items():
        about = {key: table.pop(key) for key in ("place", "needs")}
        for category, row in table.items():
            for metric, value in row.items():
                scores[f"{model}.{category}.{metric}"] = value
                claims.append(
                    Claim(
                        id=f"{model}-{category}-{metric.replace('_', '-')}",
                        statement=f"{MODELS[model]} reaches {METRICS[metric]} of {value:.4f} on {category}.",
                        published=f"{value:.4f}",
                        rule="value",
                        **about,
                        model=model,
                        category=category,
                        metric=metric,
                        value=value,
                    )
                )
    claims += [Claim.model_validate(claim) for claim in content["claim"]]
    claims += _field_cells(content["receptive_field"])
    return Published(tuple(claims), content["rules"], content["configuration"], scores)


def _field_cells(table: dict[str, Any]) -> list[Claim]:
    return [
        Claim(
            id=f"rf-{row['layer']}-{column.replace('_', '-')}",
            place=table["place"],
            statement=f"The {words} of {row['layer']} in the patch description network is {row[column]}.",
            published=str(row[column]),
            rule="receptive_field",
            needs=table["needs"],
            layer=row["layer"],
            column=column,
            value=row[column],
        )
        for row in table["rows"]
        for column, words in FIELD_COLUMNS.items()
    ]
