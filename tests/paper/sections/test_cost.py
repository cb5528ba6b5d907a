from repro.paper.sections.cost import PublishedStudy, cost
from repro.records.costs import Bench, PublishedCost


def test_the_published_study_is_printed_as_it_was_estimated() -> None:
    bench = Bench(
        schema_version=1,
        processor="one",
        threads=2,
        packages={},
        rate=1.0,
        pairs=(),
        published=(PublishedCost(model="efficientad", anomalib_seconds=3.0, seconds=2.0),),
        runs={},
    )
    section = cost(bench, "embedded", {})
    assert section is not None
    assert section.published == PublishedStudy(seconds={"efficientad": 2.0}, anomalib_seconds={"efficientad": 3.0})
