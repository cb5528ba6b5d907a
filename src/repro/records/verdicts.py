"""verdicts.json: what follows from results.json and the published claims."""

from typing import Literal

from repro.records.base import Record
from repro.records.metrics import Interval

VerdictWord = Literal["reproduced", "not reproduced", "refuted", "inconclusive", "not tested"]
#: What a verdict follows from: the study's own anomaly maps on the official test images; its code, configuration and
#: arithmetic, run; or a training of ours.
Kind = Literal["published outputs", "code and arithmetic", "retraining"]
#: Whether a statement would hold on other images, by the intervals of its differences.
Elsewhere = Literal["holds", "inconclusive", "fails"]


class Retraining(Record):
    """What a new training says of a claim that the published outputs judge: would it give these values?"""

    verdict: VerdictWord
    measured: str | None
    interval: Interval | None
    reason: str | None


class Verdict(Record):
    #: Of the claim, for example `rf-conv1-output`.
    claim: str
    #: Where the published paper says it.
    place: str
    #: The claim in a sentence of ours.
    statement: str
    published: str
    #: The evidence that judging it takes.
    needs: str
    #: Whether the published paper's own tables bear the sentence out; None where it is not about them.
    own_table: Literal["holds", "fails"] | None
    #: What was found instead or as well; None where nothing was tested.
    measured: str | None
    #: The same as a number, where it is one.
    value: float | None
    #: Combined 95 % interval of the value: bootstrap over images, and seeds where there are several of a training.
    interval: Interval | None
    verdict: VerdictWord
    #: Why it was not tested or is inconclusive; None where it is neither.
    reason: str | None
    #: The rule that decided: its name in claims.toml, and its text.
    rule_name: str
    rule: str
    #: Path into results.json, for example `receptive_field.networks.small.layers.0.output`.
    evidence: str | None
    #: The file that `evidence` is a path into.
    evidence_file: str = "results.json"
    #: What the verdict follows from; None where nothing was tested.
    kind: Kind | None = None
    #: Of a metric of recovered maps: what it may have been before they were stored in levels.
    bounds: Interval | None = None
    #: Whether an order would hold on other images; None where the claim is not one.
    elsewhere: Elsewhere | None = None
    #: Beside the published outputs, what a new training says; None where that is the verdict.
    retraining: Retraining | None = None


class Verdicts(Record):
    """verdicts.json: what follows from results.json and the published claims."""

    schema_version: Literal[1]
    results_sha256: str
    verdicts: tuple[Verdict, ...]
