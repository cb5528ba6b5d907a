from repro.paper.figures.pipeline import workflow


def test_the_pipeline_is_that_of_the_table_of_stages() -> None:
    leaves, needs = workflow()
    assert leaves["results"] == ["results.json", "environment.json", "timings.json"]
    assert leaves["render"] == ["paper.md", "paper.pdf", "paper.html"]
    assert needs["fit"] == needs["receptive_field"] == set()
    assert needs["predict"] == {"fit"}
    assert needs["retrieve"] == {"predict"}
    assert needs["results"] == {"fit", "predict", "score", "retrieve", "receptive_field"}
    assert needs["figures"] == {"predict", "results"}
    assert needs["render"] == {"results", "verdicts", "guard", "figures"}
