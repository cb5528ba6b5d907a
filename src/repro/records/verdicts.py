"""verdicts.json: what follows from results.json and the published claims."""

from typing import Literal

from repro.records.base import Record
from repro.records.metrics import Interval

VerdictWord = Literal["reproduced", "not reproduced", "refuted", "not tested"]


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
    #: Combined 95 % interval of the value: bootstrap over images, and seeds where there are several.
    interval: Interval | None
    verdict: VerdictWord
    #: Why it was not tested; None where it was.
    reason: str | None
    #: The rule that decided: its name in claims.toml, and its text.
    rule_name: str
    rule: str
    #: Path into results.json, for example `receptive_field.networks.small.layers.0.output`.
    evidence: str | None


class Verdicts(Record):
    """verdicts.json: what follows from results.json and the published claims."""

    schema_version: Literal[1]
    results_sha256: str
    verdicts: tuple[Verdict, ...]
