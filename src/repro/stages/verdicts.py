"""Verdicts: judge the published claims on a results.json."""

from collections.abc import Callable
from pathlib import Path

from repro.claims import code, numbers, outputs
from repro.claims.evidence import Judgement, not_tested
from repro.claims.published import CLAIMS, Claim, Published
from repro.claims.published import published as read_claims
from repro.errors import ReproError
from repro.records.base import SCHEMA_VERSION
from repro.records.results import Results
from repro.records.verdicts import Kind, Retraining, Verdict, Verdicts
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


#: By rule, how the published outputs judge claims that a training judges too.
BY_OUTPUTS: dict[str, Rule] = {
    "value": outputs.value,
    "order": outputs.order,
    "lowest": outputs.lowest,
    "smaller_defects": numbers.smaller_defects,
}
#: Rules on the published search, whose feature needs only the maps.
ON_SEARCH = ("similarity", "feature")
#: The studies of the published outputs and of our training on a few of the same images.
OUTPUTS, FEW_SHOT = "published", "mvtec-fewshot"


def verdicts(folder: RunFolder) -> None:
    """Judge the claims on a report folder's results.json, and on the published outputs where their report exists.

    Writes verdicts.json.
    """
    path = folder.report / "results.json"
    hint = "run `nox -s reproduce` to make it again"
    results = read_record(path, Results, hint=hint)
    files = {name: folder.report.parent / name / "results.json" for name in (OUTPUTS, FEW_SHOT)}
    others = {name: read_record(file, Results, hint=hint) for name, file in files.items() if file.is_file()}
    judged = tuple(judge(results, published=others.get(OUTPUTS), few_shot=others.get(FEW_SHOT)))
    content = Verdicts(schema_version=SCHEMA_VERSION, results_sha256=sha256(path), verdicts=judged)
    write_json(folder.report / "verdicts.json", content.model_dump(mode="json"))


def accept(folder: RunFolder, ledger: Path) -> None:
    """Accept the verdicts of a report folder as the ledger that a guard compares later verdicts with.

    Raises ReproError where the report is partial.
    """
    results = read_record(folder.report / "results.json", Results, hint="run `nox -s reproduce` to make it again")
    if results.missing:
        raise ReproError("cells are missing", where=folder.report / "results.json", hint="run `nox -s reproduce` first")
    judged = read_record(folder.report / "verdicts.json", Verdicts, hint="run `repro verdicts` first")
    write_json(ledger, {verdict.claim: verdict.verdict for verdict in judged.verdicts})


def judge(
    results: Results, path: Path = CLAIMS, *, published: Results | None = None, few_shot: Results | None = None
) -> list[Verdict]:
    """Judge each claim in claims.toml.

    Claims on code and arithmetic are judged on every study; those on scores by the `published` outputs where they are
    given, else by a training on official data. `few_shot` shows how far PatchCore's image scores lie from its maps.
    """
    source = read_claims(path)
    if results.data.source == "published":
        published = results
    return [_judged(claim, source, results, published, few_shot) for claim in source.claims]


def _judged(
    claim: Claim, source: Published, results: Results, published: Results | None, few_shot: Results | None
) -> Verdict:
    file = "results.json" if published is results else f"../{OUTPUTS}/results.json"
    if published is not None and claim.rule in BY_OUTPUTS:
        if claim.rule == "value":
            judgement = outputs.value(claim, source, published, [few_shot or results])
        else:
            judgement = BY_OUTPUTS[claim.rule](claim, source, published)
        retrained = None if published is results else _retraining(RULES[claim.rule](claim, source, results))
        return _verdict(claim, source, judgement, "published outputs", file, retrained)
    if published is not None and claim.rule in ON_SEARCH:
        return _verdict(claim, source, RULES[claim.rule](claim, source, published), "published outputs", file)
    if published is results and claim.rule != "receptive_field":
        return _verdict(claim, source, not_tested("of the model behind these maps nothing was seen"), "retraining")
    kind: Kind = "retraining" if claim.rule in BY_OUTPUTS else "code and arithmetic"
    return _verdict(claim, source, RULES[claim.rule](claim, source, results), kind)


def _retraining(judgement: Judgement) -> Retraining:
    return Retraining(
        verdict=judgement.verdict,
        measured=judgement.measured,
        interval=judgement.interval,
        reason=judgement.reason,
    )


def _verdict(
    claim: Claim,
    source: Published,
    judgement: Judgement,
    kind: Kind,
    file: str = "results.json",
    retraining: Retraining | None = None,
) -> Verdict:
    holds = source.holds(claim)
    rule = f"outputs_{claim.rule}" if kind == "published outputs" and claim.rule in BY_OUTPUTS else claim.rule
    return Verdict(
        claim=claim.id,
        place=claim.place,
        statement=claim.statement,
        published=claim.published,
        needs=claim.needs,
        own_table=None if holds is None else "holds" if holds else "fails",
        rule_name=claim.rule,
        rule=source.rules.get(rule, source.rules[claim.rule]),
        evidence_file=file,
        kind=None if judgement.verdict == "not tested" else kind,
        retraining=retraining,
        **vars(judgement),
    )
