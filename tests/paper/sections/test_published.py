"""The section on the published outputs follows from the committed records alone."""

import pytest

from repro.paper.sections.published import PublishedOutputs, published_outputs
from repro.paper.trace import sources, trace
from repro.records.results import Results
from repro.records.verdicts import Verdicts
from repro.runs import PROJECT_ROOT, read_record

REPORTS = PROJECT_ROOT / "report"


@pytest.fixture(scope="module")
def outputs() -> Results:
    path = REPORTS / "published" / "results.json"
    return trace(read_record(path, Results, hint=""), "../published/results.json")


@pytest.fixture(scope="module")
def section(outputs: Results) -> PublishedOutputs:
    few_shot = read_record(REPORTS / "mvtec-fewshot" / "results.json", Results, hint="")
    verdicts = trace(read_record(REPORTS / "embedded" / "verdicts.json", Verdicts, hint=""), "verdicts.json").verdicts
    section = published_outputs(outputs, trace(few_shot, "../mvtec-fewshot/results.json"), verdicts)
    assert section is not None
    return section


def test_each_published_score_has_one_from_its_maps(section: PublishedOutputs) -> None:
    assert len(section.rows) == 6
    assert all(value is not None for row in section.rows for value in row.values)
    assert (section.judged, section.images) == (24, 78 + 117 + 124)
    assert section.follows == sum(
        value.verdict == "reproduced" for row in section.rows for value in row.values if value
    )


def test_every_defect_type_has_both_models(section: PublishedOutputs) -> None:
    assert len(section.defects) == 15
    assert {len(row.by_model) for row in section.defects} == {2}


def test_the_worst_images_are_those_that_score_lowest(section: PublishedOutputs, outputs: Results) -> None:
    cell = outputs.cells[f"efficientad/{section.worst.category}/seed0"]
    lowest = min(score.score for score in cell.scores if score.defect != "good")
    assert section.worst.images[0].score == lowest
    assert [image.score for image in section.worst.images] == sorted(image.score for image in section.worst.images)
    assert 0 <= section.worst.above <= section.worst.normal


def test_every_number_is_traced_to_its_file(section: PublishedOutputs) -> None:
    assert {source.file for source in sources(section.image_leak)} == {"../published/results.json"}
    assert {source.file for source in sources(section.follows)} == {"verdicts.json"}
    assert {source.file for row in section.few_shot for stat in row.stats for source in stat.sources} == {
        "../mvtec-fewshot/results.json"
    }


def test_without_the_published_outputs_there_is_no_section() -> None:
    assert published_outputs(None, None, ()) is None
