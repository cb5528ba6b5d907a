from collections.abc import Callable
from typing import Any

import pytest
from example_report import without

from repro.models.layers import Layer, fields
from repro.records.receptive_field import LayerRecord
from repro.records.results import Results
from repro.records.verdicts import Verdict

ByClaim = Callable[[Results], dict[str, Verdict]]


def change_cells(results: Results, **update: Any) -> Results:
    return results.model_copy(
        update={"cells": {key: cell.model_copy(update=update) for key, cell in results.cells.items()}}
    )


def change_published(results: Results, **update: Any) -> Results:
    retrieval = {
        key: record.model_copy(update={"published": record.published.model_copy(update=update)})
        for key, record in results.retrieval.items()
    }
    return results.model_copy(update={"retrieval": retrieval})


def change_variant(results: Results, name: str, **settings: Any) -> Results:
    variant = results.variants[name]
    changed = variant.model_copy(update={"settings": variant.settings | settings})
    return results.model_copy(update={"variants": {**results.variants, name: changed}})


def test_every_cell_of_the_published_field_table_gets_a_verdict(results: Results, by_claim: ByClaim) -> None:
    cells = {name: verdict for name, verdict in by_claim(results).items() if name.startswith("rf-")}
    assert len(cells) == 36
    wrong = {name for name, verdict in cells.items() if verdict.verdict == "refuted"}
    assert wrong == {f"rf-{layer}-output" for layer in ("conv1", "avgpool1", "conv2", "avgpool2", "conv3", "conv4")}


def test_a_network_of_the_published_sizes_reproduces_them(results: Results, by_claim: ByClaim) -> None:
    networks = results.receptive_field.networks
    padded = networks["small-padded"]
    layers = tuple(row.model_copy(update={"output": 256}) if row.name == "conv1" else row for row in padded.layers)
    changed = networks | {"small-padded": padded.model_copy(update={"layers": layers})}
    field = results.receptive_field.model_copy(update={"networks": changed})
    assert by_claim(results.model_copy(update={"receptive_field": field}))["rf-conv1-output"].verdict == "reproduced"


def test_a_wrong_cell_says_what_is_right_padded_and_as_trained(results: Results, by_claim: ByClaim) -> None:
    verdict = by_claim(results)["rf-conv4-output"]
    assert (verdict.published, verdict.measured) == ("61", "64 padded, 56 not, as trained")


@pytest.mark.parametrize("name", ["results", "official"])
def test_evidence_leads_to_the_value_in_the_results(
    name: str, request: pytest.FixtureRequest, by_claim: ByClaim
) -> None:
    results: Results = request.getfixturevalue(name)
    content = results.model_dump(mode="json")
    for verdict in by_claim(results).values():
        assert (verdict.evidence is None) == (verdict.verdict == "not tested") == (verdict.reason is not None)
        at = content
        for part in (verdict.evidence or "study").split("."):
            at = at[int(part)] if isinstance(at, list) else at[part]
        assert at is not None


@pytest.mark.parametrize(
    ("vectors", "lists", "message"),
    [(1, 1, "1 different list"), (1, 2, "2 different lists"), (2, 4, "4 different lists")],
)
def test_hits_that_label_and_sign_decide_refute_the_similarity(
    results: Results, by_claim: ByClaim, vectors: int, lists: int, message: str
) -> None:
    record = next(iter(results.retrieval.values())).published
    searches = tuple(search.model_copy(update={"distinct_hit_lists": lists}) for search in record.searches)
    judged = by_claim(change_published(results, distinct_vectors=vectors, searches=searches))
    assert judged["similar-broken-grid"].verdict == judged["similar-good-leather"].verdict == "refuted"
    assert (judged["similar-broken-grid"].measured or "").startswith(f"at most {message} of hits for ")


def test_hits_of_a_feature_of_its_own_are_judged_by_their_type(results: Results, by_claim: ByClaim) -> None:
    record = next(iter(results.retrieval.values())).published
    searches = tuple(search.model_copy(update={"distinct_hit_lists": 9}) for search in record.searches)
    (query,) = record.queries
    query = query.model_copy(update={"image": "grid/test/broken/000.png"})
    informed = change_published(results, searches=searches, queries=(query,))
    verdict = by_claim(informed)["similar-broken-grid"]
    assert (verdict.verdict, verdict.value) == ("reproduced", 9)
    assert verdict.measured == (
        f"at most 9 different lists of hits for {record.points} queries; for grid/test/broken/000.png, "
        f"{len(query.hits)} of {len(query.hits)} hits are of its type"
    )
    key = next(iter(results.retrieval))
    place = record.searches.index(record.search(label_filter=True, self_match=True))
    assert verdict.evidence == f"retrieval.{key}.published.searches.{place}.distinct_hit_lists"
    other = query.hits[0].model_copy(update={"defect": "good"})
    mixed = query.model_copy(update={"hits": (other, *query.hits[1:])})
    assert by_claim(change_published(informed, queries=(mixed,)))["similar-broken-grid"].verdict == "not reproduced"
    assert by_claim(informed)["similar-good-leather"].reason == "no such query in this study"


@pytest.mark.parametrize(("vectors", "word"), [(1, "refuted"), (2, "refuted"), (9, "not reproduced")])
def test_a_feature_of_two_values_describes_nothing(
    results: Results, by_claim: ByClaim, vectors: int, word: str
) -> None:
    assert by_claim(change_published(results, distinct_vectors=vectors))["similar-feature"].verdict == word


@pytest.mark.parametrize(("count", "word"), [(0, "refuted"), (3, "reproduced")])
def test_modules_decide_whether_there_is_an_efficientnet(
    results: Results, by_claim: ByClaim, count: int, word: str
) -> None:
    assert by_claim(change_cells(results, efficientnet_modules=count))["efficientnet"].verdict == word


@pytest.mark.parametrize(
    ("step", "word"), [("GaussianBlur(kernel_size=(7, 7))", "reproduced"), ("Resize()", "refuted")]
)
def test_the_steps_of_the_trained_model_decide_whether_it_blurs(
    results: Results, by_claim: ByClaim, step: str, word: str
) -> None:
    assert by_claim(change_cells(results, preprocessing=(step,)))["blur"].verdict == word


@pytest.mark.parametrize(("run", "word"), [(1, "refuted"), (3, "reproduced")])
def test_the_trainer_decides_how_many_epochs_were_run(results: Results, by_claim: ByClaim, run: int, word: str) -> None:
    assert by_claim(change_cells(results, epochs_run=run, epochs_asked=3))["patchcore-epochs"].verdict == word


def test_epochs_are_those_of_the_model_that_the_claim_names(results: Results, by_claim: ByClaim) -> None:
    run = {"patchcore/grid/seed0": 1, "patchcore/tile/seed0": 2}
    cells = {
        key: cell.model_copy(update={"epochs_asked": 3, "epochs_run": run.get(key, 1 if "patch" in key else 3)})
        for key, cell in results.cells.items()
    }
    verdict = by_claim(results.model_copy(update={"cells": cells}))["patchcore-epochs"]
    assert (verdict.verdict, verdict.measured) == ("refuted", "1 or 2 run of 3 asked for")


def test_without_the_model_or_layer_of_a_claim_it_is_not_tested(results: Results, by_claim: ByClaim) -> None:
    judged = by_claim(without(results, "efficientad/"))
    assert judged["efficientnet"].reason == "no EfficientAD in this study"
    judged = by_claim(without(results, "patchcore/"))
    assert judged["memory-bank"].reason == judged["pretrained-cnn"].reason == "all its cells are missing"
    sound = change_variant(change_variant(results, "patchcore", protocol="sound"), "efficientad", protocol="sound")
    judged = by_claim(sound)
    assert judged["blur"].reason == "no model in the published protocol"
    assert judged["similar-broken-grid"].reason == "no similarity search with this model in the published protocol"
    networks = results.receptive_field.networks
    shorter = {
        name: network.model_copy(update={"layers": tuple(row for row in network.layers if row.name != "conv4")})
        for name, network in networks.items()
    }
    field = results.receptive_field.model_copy(update={"networks": shorter})
    judged = by_claim(results.model_copy(update={"receptive_field": field}))
    assert judged["rf-conv4-output"].reason == "no layer conv4 in the network"


def test_a_similarity_is_judged_by_the_searches_of_the_model_that_it_names(results: Results, by_claim: ByClaim) -> None:
    record = next(iter(results.retrieval.values())).published
    searches = tuple(search.model_copy(update={"distinct_hit_lists": 9}) for search in record.searches)
    informed = change_published(results, searches=searches).retrieval
    mixed = {key: (informed if key.startswith("patchcore/") else results.retrieval)[key] for key in informed}
    judged = by_claim(results.model_copy(update={"retrieval": mixed}))["similar-broken-grid"]
    # The claim is on EfficientAD, whose lists are as few as before.
    assert judged.measured == by_claim(results)["similar-broken-grid"].measured
    assert judged.value == by_claim(results)["similar-broken-grid"].value


def test_fewer_epochs_asked_for_do_not_test_the_claim(results: Results, by_claim: ByClaim) -> None:
    assert by_claim(results)["efficientad-epochs"].reason == "no run here asks for 5 epochs"


@pytest.mark.parametrize(("kind", "word"), [("random", "refuted"), ("timm", "reproduced")])
def test_the_weights_decide_whether_the_backbone_was_trained(
    results: Results, by_claim: ByClaim, kind: str, word: str
) -> None:
    variant = results.variants["patchcore"]
    weights = {"backbone": variant.weights["backbone"].model_copy(update={"kind": kind})}
    changed = {**results.variants, "patchcore": variant.model_copy(update={"weights": weights})}
    assert by_claim(results.model_copy(update={"variants": changed}))["pretrained-cnn"].verdict == word


@pytest.mark.parametrize(
    ("bank", "word", "measured", "evidence"),
    [
        (
            {"patches": 9, "dimension": 4},
            "reproduced",
            "9 patches or more, 10 % of those described",
            "cells.patchcore/grid/seed0.memory_bank.patches",
        ),
        (None, "refuted", "no coreset", "variants.patchcore.settings.coreset_ratio"),
    ],
)
def test_a_memory_bank_must_be_there(
    results: Results, by_claim: ByClaim, bank: Any, word: str, measured: str, evidence: str
) -> None:
    verdict = by_claim(change_cells(results, memory_bank=bank))["memory-bank"]
    assert (verdict.verdict, verdict.measured, verdict.evidence) == (word, measured, evidence)


def test_a_sound_variant_says_nothing_of_the_published_configuration(results: Results, by_claim: ByClaim) -> None:
    judged = by_claim(change_variant(results, "patchcore", protocol="sound"))
    assert {judged[name].verdict for name in ("pretrained-cnn", "memory-bank", "patchcore-epochs")} == {"not tested"}
    judged = by_claim(change_variant(results, "patchcore", pretrained=True))
    assert judged["pretrained-cnn"].reason == "other settings: pretrained on instead of off"


def test_a_study_without_a_search_does_not_test_it(results: Results, by_claim: ByClaim) -> None:
    judged = by_claim(results.model_copy(update={"retrieval": {}}))
    assert {judged[name].verdict for name in ("similar-broken-grid", "similar-good-leather", "similar-feature")} == {
        "not tested"
    }


def test_arithmetic_of_another_network_is_refuted(results: Results, by_claim: ByClaim) -> None:
    networks = results.receptive_field.networks
    wrong = [Layer(row.name, row.kernel, 1, row.padding) for row in networks["small-padded"].layers]
    rows = tuple(
        LayerRecord(
            **vars(row.layer), output=row.output, jump=row.jump, receptive_field=row.receptive_field, start=row.start
        )
        for row in fields(wrong, 256)
    )
    changed = networks | {"small-padded": networks["small-padded"].model_copy(update={"layers": rows})}
    field = results.receptive_field.model_copy(update={"networks": changed})
    judged = by_claim(results.model_copy(update={"receptive_field": field}))
    assert judged["rf-conv4-receptive-field"].verdict == "refuted"
