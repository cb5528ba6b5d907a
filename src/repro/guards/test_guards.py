"""What must hold of a results.json before its paper is believed."""

from statistics import mean

from repro.models.layers import Layer, fields
from repro.records.metrics import Fold
from repro.records.results import CellRecord, Results
from repro.records.verdicts import Verdict

#: Cells of the published receptive-field table that are wrong: all of its output sizes.
WRONG_CELLS = {f"rf-{layer}-output" for layer in ("conv1", "avgpool1", "conv2", "avgpool2", "conv3", "conv4")}
#: Scores in results.json have 6 decimals, so that two may be equal there that were not.
ROUNDING = 1e-4


def test_metric_reaches_the_bound_of_the_study(results: Results, bound, state) -> None:
    variant, category, metric, minimum = bound
    values = _values(results, variant, category, metric)
    state(f"{metric} of {variant} on {category}", round(mean(values), 4), f">= {minimum}")
    assert mean(values) >= minimum


def test_no_bound_is_finer_than_one_image(results: Results, bound, state) -> None:
    variant, category, metric, minimum = bound
    margin = mean(_values(results, variant, category, metric)) - minimum
    image = max(cell.resolution for cell in results.cells.values() if cell.category == category)
    state(
        f"room above the bound on {metric} of {variant} on {category}", round(margin, 4), f">= {image:.4f}, one image"
    )
    # A failed bound has its own guard.
    assert margin >= image or margin < 0


def test_image_metrics_follow_from_the_scores(results: Results, state) -> None:
    worst = max(_shift(cell) for cell in results.cells.values())
    state("largest difference of an image AUROC or F1 from one counted again", round(worst, 6), f"<= {ROUNDING}")
    assert worst <= ROUNDING


def test_no_image_enters_the_threshold_that_judges_it(results: Results, state) -> None:
    folds = [fold for cell in results.cells.values() if cell.sound for fold in cell.sound.folds]
    shared = max((len(set(fold.chosen_on) & set(fold.judged)) for fold in folds), default=0)
    state(f"most images on both sides of any of {len(folds)} splits", shared, "= 0")
    assert shared == 0


def test_both_halves_together_judge_every_test_image_once(results: Results, state) -> None:
    wrong = [
        key
        for key, cell in results.cells.items()
        if cell.sound
        and sorted(image for fold in cell.sound.folds for image in fold.judged) != sorted(s.image for s in cell.scores)
    ]
    state("cells whose halves are not the test set", len(wrong), "= 0")
    assert wrong == []


def test_sound_thresholds_follow_from_the_other_half(results: Results, state) -> None:
    shifts = [
        abs(fold.thresholds.image - _best(cell, fold))
        for cell in results.cells.values()
        if cell.sound
        for fold in cell.sound.folds
    ]
    worst = max(shifts, default=0.0)
    state("largest difference of a sound image threshold from one chosen again", round(worst, 6), f"<= {ROUNDING}")
    assert worst <= ROUNDING


def test_intervals_hold_their_values(results: Results, state) -> None:
    outside = [
        (key, metric)
        for key, cell in results.cells.items()
        for metric in ("image_auroc", "pixel_auroc", "pixel_f1")
        if not _within(getattr(cell.raw, metric), getattr(cell.intervals, metric), cell.resolution)
    ]
    state("raw metrics more than one image outside their interval", len(outside), "= 0")
    assert outside == []


def test_sizes_follow_from_the_arithmetic(results: Results, network, state) -> None:
    record = results.receptive_field.networks[network]
    layers = [Layer(row.name, row.kernel, row.stride, row.padding, row.dilation) for row in record.layers]
    computed = tuple(row.output for row in fields(layers, results.receptive_field.input_size))
    state(f"output sizes of the {network} network as it ran", record.measured_outputs, f"= {computed}")
    assert record.measured_outputs == computed


def test_receptive_field_is_33_pixels_and_the_support_of_the_gradient(results: Results, state) -> None:
    networks = results.receptive_field.networks
    computed = {name: record.layers[-1].receptive_field for name, record in networks.items()}
    measured = {name: record.measured_receptive_field for name, record in networks.items()}
    state("pixels that an output pixel sees, computed and measured, of all networks", _both(computed, measured), "= 33")
    assert set(computed.values()) == set(measured.values()) == {33}


def test_published_table_is_wrong_only_in_its_output_sizes(verdicts: dict[str, Verdict], state) -> None:
    cells = {claim: verdict for claim, verdict in verdicts.items() if claim.startswith("rf-")}
    wrong = sorted(claim for claim, verdict in cells.items() if verdict.verdict != "reproduced")
    state(f"wrong cells among {len(cells)} of the published table", ", ".join(wrong), ", ".join(sorted(WRONG_CELLS)))
    assert len(cells) == 36
    assert set(wrong) == WRONG_CELLS


def test_verdicts_are_those_of_the_ledger(
    results: Results, verdicts: dict[str, Verdict], ledger: dict[str, str], state
) -> None:
    # Claims that a partial report cannot test may differ from the ledger.
    untested = {claim for claim, one in verdicts.items() if results.missing and one.verdict == "not tested"}
    changed = sorted(
        f"{claim}: {ledger.get(claim, 'new')} became {verdicts[claim].verdict if claim in verdicts else 'gone'}"
        for claim in (ledger.keys() | verdicts.keys()) - untested
        if claim not in verdicts or verdicts[claim].verdict != ledger.get(claim)
    )
    state(f"verdicts that are not those of the ledger, of {len(ledger)}", "; ".join(changed) or "none", "none")
    assert changed == []


def test_scores_are_judged_on_the_official_data_only(results: Results, verdicts: dict[str, Verdict], state) -> None:
    rules = {"value", "order", "lowest", "smaller_defects"}
    trained = [
        verdict.claim
        for verdict in verdicts.values()
        if verdict.rule_name in rules
        if verdict.kind == "retraining" or (verdict.retraining and verdict.retraining.verdict != "not tested")
    ]
    bound = "any" if results.data.official else "= 0"
    state("claims on scores of MVTec AD that were judged by a training on these images", len(trained), bound)
    assert results.data.official or trained == []


def test_published_feature_tells_at_most_two_kinds_of_images_apart(results: Results, state) -> None:
    most = max((record.published.distinct_vectors for record in results.retrieval.values()), default=0)
    state(f"most distinct published vectors in any of {len(results.retrieval)} collections", most, "<= 2")
    assert most <= 2


def test_search_without_self_match_never_returns_the_query(results: Results, state) -> None:
    share = max(
        (
            search.self_match_at_5
            for record in results.retrieval.values()
            for feature in (record.published, record.patch_embedding, record.weighted_embedding)
            if feature is not None
            for search in feature.searches
            if not search.self_match
        ),
        default=0,
    )
    state("largest share of queries that find themselves where they must not", share, "= 0")
    assert share == 0


def test_memory_bank_models_run_one_epoch_and_others_what_was_asked(results: Results, state) -> None:
    run = {key: cell.epochs_run for key, cell in results.cells.items()}
    expected = {key: 1 if cell.memory_bank else cell.epochs_asked for key, cell in results.cells.items()}
    state("epochs run, all cells", sorted(set(run.values())), f"= {sorted(set(expected.values()))}")
    assert run == expected


def _values(results: Results, variant: str, category: str, metric: str) -> list[float]:
    return [
        getattr(cell.metrics, metric)
        for cell in results.cells.values()
        if (cell.variant, cell.category) == (variant, category)
    ]


def _shift(cell: CellRecord) -> float:
    """How far the image AUROC and the highest F1 are from ones counted pair by pair and threshold by threshold."""
    anomalous = [score.score for score in cell.scores if score.defect != "good"]
    normal = [score.score for score in cell.scores if score.defect == "good"]
    won = sum((high > low) + (high == low) / 2 for high in anomalous for low in normal)
    auroc = won / (len(anomalous) * len(normal))
    highest = max(_f1(anomalous, normal, score.score) for score in cell.scores)
    return max(abs(auroc - cell.raw.image_auroc), abs(highest - cell.raw.image_f1))


def _best(cell: CellRecord, fold: Fold) -> float:
    """The lowest score of the other half at which its F1 is highest."""
    chosen = [one for one in cell.scores if one.image not in fold.judged]
    anomalous = [one.score for one in chosen if one.defect != "good"]
    normal = [one.score for one in chosen if one.defect == "good"]
    # Rounded, because equal ratios of whole numbers may differ in their last bit.
    return max(sorted(one.score for one in chosen), key=lambda score: round(_f1(anomalous, normal, score), 12))


def _f1(anomalous: list[float], normal: list[float], threshold: float) -> float:
    hits = sum(score >= threshold for score in anomalous)
    predicted = hits + sum(score >= threshold for score in normal)
    return 2 * hits / (predicted + len(anomalous))


def _within(value: float, interval, resolution: float) -> bool:
    return interval.low - resolution <= value <= interval.high + resolution


def _both(computed: dict[str, int], measured: dict[str, int]) -> str:
    values = sorted(set(computed.values()) | set(measured.values()))
    return ", ".join(map(str, values))
