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


def test_published_feature_tells_at_most_two_kinds_of_images_apart(results: Results, state) -> None:
    most = max((found.published.distinct_vectors for found in results.retrieval.values()), default=0)
    state(f"most distinct published vectors in any of {len(results.retrieval)} collections", most, "<= 2")
    assert most <= 2


def test_sound_search_never_returns_the_query(results: Results, state) -> None:
    share = max((found.patch_embedding.self_match_at_5 for found in results.retrieval.values()), default=0)
    state("largest share of queries that find themselves by patch embedding", share, "= 0")
    assert share == 0


def test_memory_bank_models_run_one_epoch_and_others_what_was_asked(results: Results, state) -> None:
    run = {key: cell.epochs_run for key, cell in results.cells.items()}
    expected = {key: 1 if cell.memory_bank else cell.epochs_asked for key, cell in results.cells.items()}
    state("epochs run, all cells", sorted(set(run.values())), f"= {sorted(set(expected.values()))}")
    assert run == expected


def _both(computed: dict[str, int], measured: dict[str, int]) -> str:
    values = sorted(set(computed.values()) | set(measured.values()))
    return ", ".join(map(str, values))
