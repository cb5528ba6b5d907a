"""Judge: results.json and the published claims in, verdicts.json out: what follows from what was measured."""

from collections.abc import Callable
from pathlib import Path

from repro.claims import code, numbers
from repro.claims.evidence import Judgement
from repro.claims.published import CLAIMS, Claim, Published, published
from repro.errors import ReproError
from repro.records.base import SCHEMA_VERSION
from repro.records.results import Results
from repro.records.verdicts import Verdict, Verdicts
from repro.runs import RunFolder, read_record, sha256, write_json

Rule = Callable[[Claim, Published, Results], Judgement]
RULES: dict[str, Rule] = {
    "value": numbers.value,
    "order": numbers.order,
    "lowest": numbers.lowest,
    "smaller_defects": numbers.smaller_defects,
    "similarity": code.similarity,
    "feature": code.feature,
    "efficientnet": code.efficientnet,
    "pretrained": code.pretrained,
    "blur": code.blur,
    "epochs": code.epochs,
    "memory_bank": code.memory_bank,
    "receptive_field": code.receptive_field,
}


def verdicts(folder: RunFolder) -> None:
    """Judge the claims on a report folder's results.json; leave verdicts.json beside it."""
    path = folder.report / "results.json"
    results = read_record(path, Results, hint="run `nox -s reproduce` to make it anew")
    judged = Verdicts(schema_version=SCHEMA_VERSION, results_sha256=sha256(path), verdicts=tuple(judge(results)))
    write_json(folder.report / "verdicts.json", judged.model_dump(mode="json"))


def accept(folder: RunFolder, ledger: Path) -> None:
    """Make the words of a report folder's verdicts.json those that may not change unnoticed.

    ReproError where they judge a partial report.
    """
    results = read_record(folder.report / "results.json", Results, hint="run `nox -s reproduce` to make it anew")
    if results.missing:
        raise ReproError("cells are missing", where=folder.report / "results.json", hint="run `nox -s reproduce` first")
    judged = read_record(folder.report / "verdicts.json", Verdicts, hint="run `repro verdicts` first")
    write_json(ledger, {one.claim: one.verdict for one in judged.verdicts})


def judge(results: Results, path: Path = CLAIMS) -> list[Verdict]:
    """A verdict for each claim in claims.toml; those on code and arithmetic are judged on every study."""
    source = published(path)
    return [_verdict(claim, source, RULES[claim.rule](claim, source, results)) for claim in source.claims]


def _verdict(claim: Claim, source: Published, judgement: Judgement) -> Verdict:
    holds = source.holds(claim)
    return Verdict(
        claim=claim.id,
        place=claim.place,
        statement=claim.statement,
        published=claim.published,
        needs=claim.needs,
        own_table=None if holds is None else "holds" if holds else "fails",
        rule_name=claim.rule,
        rule=source.rules[claim.rule],
        **vars(judgement),
    )
