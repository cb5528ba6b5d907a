from pathlib import Path

import example_report
import pytest

from repro.claims import judge
from repro.records import Results, Verdict


@pytest.fixture
def results(tmp_path: Path) -> Results:
    folder = example_report.build(tmp_path)
    return Results.model_validate_json((folder.report / "results.json").read_text(encoding="utf-8"))


def by_claim(results: Results) -> dict[str, Verdict]:
    return {verdict.claim: verdict for verdict in judge(results)}


def test_every_cell_of_the_published_table_gets_a_verdict(results: Results) -> None:
    cells = {name: verdict for name, verdict in by_claim(results).items() if name.startswith("rf-")}
    assert len(cells) == 36
    wrong = {name for name, verdict in cells.items() if verdict.verdict == "refuted"}
    assert wrong == {f"rf-{layer}-output" for layer in ("conv1", "avgpool1", "conv2", "avgpool2", "conv3", "conv4")}


def test_a_wrong_cell_says_what_is_right_padded_and_as_trained(results: Results) -> None:
    verdict = by_claim(results)["rf-conv4-output"]
    assert (verdict.published, verdict.measured) == ("61", "64 padded, 56 not, as trained")


def test_evidence_leads_to_the_value_in_the_results(results: Results) -> None:
    content = results.model_dump(mode="json")
    for verdict in judge(results):
        if verdict.evidence is None:
            continue
        found = content
        for part in verdict.evidence.split("."):
            found = found[int(part)] if isinstance(found, list) else found[part]
        assert found is not None


def test_a_feature_of_two_values_behind_a_label_filter_refutes_the_similarity(results: Results) -> None:
    assert by_claim(results)["similarity"].verdict == "refuted"


def test_a_feature_that_tells_images_apart_does_not(results: Results) -> None:
    retrieval = {
        key: record.model_copy(update={"published": record.published.model_copy(update={"distinct_vectors": 9})})
        for key, record in results.retrieval.items()
    }
    richer = results.model_copy(update={"retrieval": retrieval})
    assert by_claim(richer)["similarity"].verdict == "not reproduced"


def test_what_the_trained_models_are_decides_the_claims_about_them(results: Results) -> None:
    judged = by_claim(results)
    assert judged["efficientnet"].verdict == judged["pretrained-cnn"].verdict == "refuted"
    assert judged["patchcore-epochs"].verdict == "refuted"


def test_a_study_without_a_model_does_not_test_the_claims_about_it(results: Results) -> None:
    cells = {key: cell for key, cell in results.cells.items() if cell.variant == "efficientad"}
    variants = {"efficientad": results.variants["efficientad"]}
    judged = by_claim(results.model_copy(update={"cells": cells, "variants": variants}))
    assert judged["patchcore-epochs"].verdict == judged["pretrained-cnn"].verdict == "not tested"
    assert judged["efficientnet"].verdict == "refuted"


def test_a_sound_variant_says_nothing_of_what_the_published_configuration_is(results: Results) -> None:
    published = results.variants["patchcore"]
    sound = published.model_copy(update={"settings": published.settings | {"protocol": "sound", "pretrained": True}})
    both = results.model_copy(update={"variants": {"patchcore-pretrained": sound, **results.variants}})
    assert by_claim(both)["pretrained-cnn"].evidence == "variants.patchcore.settings.pretrained"
    only = results.model_copy(update={"variants": {**results.variants, "patchcore": sound}})
    judged = by_claim(only)
    assert judged["pretrained-cnn"].verdict == judged["patchcore-epochs"].verdict == "not tested"


def test_a_study_without_queries_does_not_test_the_similarity(results: Results) -> None:
    assert by_claim(results.model_copy(update={"retrieval": {}}))["similarity"].verdict == "not tested"
