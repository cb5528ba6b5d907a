"""What must hold of a results.json before its paper is believed."""

from statistics import mean

from repro.receptive_field import Layer, fields
from repro.records import Results, Verdict

#: Cells of the published receptive-field table that are wrong: all of its output sizes.
WRONG_CELLS = {f"rf-{layer}-output" for layer in ("conv1", "avgpool1", "conv2", "avgpool2", "conv3", "conv4")}


def test_metric_reaches_the_bound_of_the_study(results: Results, bound, state) -> None:
    variant, category, metric, minimum = bound
    values = [
        getattr(cell.metrics, metric)
        for cell in results.cells.values()
        if (cell.variant, cell.category) == (variant, category)
    ]
    state(f"{metric} of {variant} on {category}", round(mean(values), 4), f">= {minimum}")
    assert mean(values) >= minimum


def test_sizes_follow_from_the_arithmetic(results: Results, network, state) -> None:
    record = results.receptive_field.networks[network]
    layers = [Layer(row.name, row.kernel, row.stride, row.padding, row.dilation) for row in record.layers]
    computed = tuple(row.output for row in fields(layers, results.receptive_field.input_size))
    state(f"output sizes of the {network} network as it ran", record.measured_outputs, f"= {computed}")
    assert record.measured_outputs == computed


def test_receptive_field_is_the_support_of_the_gradient(results: Results, network, state) -> None:
    record = results.receptive_field.networks[network]
    layers = [Layer(row.name, row.kernel, row.stride, row.padding, row.dilation) for row in record.layers]
    computed = fields(layers, results.receptive_field.input_size)[-1].receptive_field
    state(
        f"pixels that one output pixel of the {network} network sees", record.measured_receptive_field, f"= {computed}"
    )
    assert record.measured_receptive_field == computed


def test_receptive_field_is_33_pixels(results: Results, network, state) -> None:
    field = results.receptive_field.networks[network].layers[-1].receptive_field
    state(f"receptive field of the {network} network (EfficientAD paper, section 3.1)", field, "= 33")
    assert field == 33


def test_published_table_is_wrong_only_in_its_output_sizes(verdicts: dict[str, Verdict], state) -> None:
    cells = {claim: verdict for claim, verdict in verdicts.items() if claim.startswith("rf-")}
    wrong = sorted(claim for claim, verdict in cells.items() if verdict.verdict != "reproduced")
    state(f"wrong cells among {len(cells)} of the published table", ", ".join(wrong), ", ".join(sorted(WRONG_CELLS)))
    assert len(cells) == 36
    assert set(wrong) == WRONG_CELLS


def test_published_feature_tells_at_most_two_kinds_of_images_apart(results: Results, cell, state) -> None:
    feature = results.retrieval[cell].published
    state(f"distinct published feature vectors among {feature.points} of {cell}", feature.distinct_vectors, "<= 2")
    assert feature.distinct_vectors <= 2


def test_sound_search_never_returns_the_query(results: Results, cell, state) -> None:
    feature = results.retrieval[cell].patch_embedding
    state(f"share of queries of {cell} that find themselves by patch embedding", feature.self_match_at_5, "= 0")
    assert feature.self_match_at_5 == 0


def test_memory_bank_model_runs_one_epoch_whatever_is_asked(results: Results, cell, state) -> None:
    record = results.cells[cell]
    expected = 1 if record.memory_bank else record.epochs_asked
    state(f"epochs of {cell}, {record.epochs_asked} asked for", record.epochs_run, f"= {expected}")
    assert record.epochs_run == expected
