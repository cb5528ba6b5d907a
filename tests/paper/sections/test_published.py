"""What the section on the published outputs prints follows from the committed records alone."""

import pytest

from repro.paper.sections.published import PublishedOutputs, published_outputs
from repro.paper.trace import follow, sources
from repro.records.results import Results
from repro.records.verdicts import Verdicts
from repro.runs import PROJECT_ROOT, read_record

REPORTS = PROJECT_ROOT / "report"


@pytest.fixture(scope="module")
def outputs() -> Results:
    path = REPORTS / "published" / "results.json"
    return follow(read_record(path, Results, hint=""), "../published/results.json")


@pytest.fixture(scope="module")
def section(outputs: Results) -> PublishedOutputs:
    few_shot = read_record(REPORTS / "mvtec-fewshot" / "results.json", Results, hint="")
    verdicts = follow(read_record(REPORTS / "embedded" / "verdicts.json", Verdicts, hint=""), "verdicts.json").verdicts
    found = published_outputs(outputs, follow(few_shot, "../mvtec-fewshot/results.json"), verdicts)
    assert found is not None
    return found


def test_each_published_score_is_beside_what_its_maps_give(section: PublishedOutputs) -> None:
    assert len(section.rows) == 6
    assert all(value is not None for row in section.rows for value in row.values)
    assert (section.judged, section.images) == (24, 78 + 117 + 124)
    assert section.follows == sum(v.verdict == "reproduced" for row in section.rows for v in row.values if v)


def test_every_defect_type_has_both_models(section: PublishedOutputs) -> None:
    assert len(section.defects) == 15
    assert {len(row.by_model) for row in section.defects} == {2}


def test_the_worst_images_are_those_that_score_lowest(section: PublishedOutputs, outputs: Results) -> None:
    cell = outputs.cells[f"efficientad/{section.worst.category}/seed0"]
    lowest = min(score.score for score in cell.scores if score.defect != "good")
    assert section.worst.images[0].score == lowest
    assert [image.score for image in section.worst.images] == sorted(image.score for image in section.worst.images)
    assert 0 <= section.worst.above <= section.worst.normal


def test_every_number_knows_its_file(section: PublishedOutputs) -> None:
    assert {source.file for source in sources(section.image_leak)} == {"../published/results.json"}
    assert {source.file for source in sources(section.follows)} == {"verdicts.json"}
    assert {source.file for row in section.few_shot for stat in row.stats for source in stat.sources} == {
        "../mvtec-fewshot/results.json"
    }


def test_without_the_published_outputs_there_is_no_section() -> None:
    assert published_outputs(None, None, ()) is None
