from repro.paper.figures.pipeline import workflow


def test_the_pipeline_is_that_of_the_table_of_stages() -> None:
    leaves, needs = workflow()
    assert leaves["results"] == ["results.json", "environment.json", "timings.json"]
    assert leaves["render"] == ["paper.md", "paper.pdf", "paper.html"]
    assert needs["fit"] == needs["receptive_field"] == set()
    assert needs["predict"] == {"fit"}
    # Maps come of a training, or of the published result images.
    assert needs["retrieve"] == {"predict", "recover"}
    assert needs["results"] == {"fit", "predict", "recover", "score", "retrieve", "receptive_field"}
    assert needs["figures"] == {"predict", "recover", "results", "verdicts"}
    assert needs["render"] == {"results", "verdicts", "guard", "figures"}
