"""Retrieve: search a cell's test images by the published feature and by patch embeddings, and score the rankings.

Each feature is searched with and without the published label filter, and with and without the query itself among the
candidates.
"""

import numpy as np
from numpy.typing import NDArray

from repro.data.layout import GOOD, defect_of
from repro.progress import Progress
from repro.records.predictions import load
from repro.runs import Cell, RunFolder, fingerprint, write_json
from repro.search.client import connect
from repro.search.features import published_feature, read_embeddings
from repro.search.rankings import PUBLISHED, SOUND, Rankings, rankings
from repro.search.scoring import evaluate
from repro.study import Study


def retrieve(folder: RunFolder, study: Study, cell: Cell, qdrant_url: str | None) -> None:
    """Search a cell's test images by each feature; write `hits.json`, a RetrievalRecord, to its folder."""
    predictions = load(folder.cell(cell) / "predictions.npz")
    images = [str(image) for image in predictions.images]
    shown = shown_queries(study, cell.category, images)
    features = {"published": (published_feature(predictions.maps), PUBLISHED)}
    # The models of recovered maps were not published, so that there are no embeddings.
    if study.data.source != "published":
        mean, weighted = read_embeddings(folder.cell(cell) / "embeddings.npz", len(images))
        features |= {"patch_embedding": (mean, SOUND), "weighted_embedding": (weighted, SOUND)}
    records = {}
    with connect(qdrant_url, folder.run / "qdrant") as client:

        def rank(name: str, vectors: NDArray[np.float32]) -> Rankings:
            # A category may have characters that Qdrant does not allow in a name.
            collection = f"repro-{fingerprint([study.name, cell.key, name])[:16]}"
            return rankings(client, collection, vectors, images, Progress(f"retrieve {cell.key} {name}", "queries"))

        constant = rank("constant", np.ones((len(images), 1), np.float32))
        for name, (vectors, search) in features.items():
            record = evaluate(vectors, images, rank(name, vectors), constant, shown, search)
            records[name] = record.model_dump(mode="json")
    write_json(folder.cell(cell) / "hits.json", records)


def shown_queries(study: Study, category: str, images: list[str]) -> list[str]:
    """Select the study's queries in a category; without any, the first anomalous image.

    The paper says so, and `repro data` warns of queries that do not exist.
    """
    queries = []
    for query in study.queries:
        named, *rest = query.split("/")
        if named == category:
            queries += [image for image in images if image.rsplit(".", 1)[0] == "/".join([category, "test", *rest])]
    return queries or [image for image in images if defect_of(image) != GOOD][:1]
