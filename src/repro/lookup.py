"""Look up: the test images of a study that are most like a new image, by the feature that the study found best."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps
from qdrant_client.models import Distance, PointStruct, VectorParams

from repro.data.layout import defect_of
from repro.errors import ReproError
from repro.models.registry import MODELS
from repro.records.predictions import load as load_predictions
from repro.records.results import Results
from repro.runs import Cell, RunFolder, read_record, read_root, write_text, writing
from repro.search.client import connect
from repro.search.features import read_embeddings
from repro.stages.predict import load, weighted
from repro.study import load_resolved

#: Features by their name in results.json: words, and their place in an embeddings.npz.
FEATURES = {"patch_embedding": ("mean of the patch embeddings", 0), "weighted_embedding": ("weighted mean of them", 1)}
#: How many test images are shown.
DEPTH = 5
#: Side of a picture on the sheet, and height of the words below it, in pixels.
SIDE, WORDS = 224, 34


@dataclass(frozen=True)
class Found:
    """A test image, and its cosine similarity to the query."""

    image: str
    similarity: float


@dataclass(frozen=True)
class Answer:
    """What was found, and by which cell and feature."""

    cell: Cell
    feature: str
    #: Mean average precision of this feature in the study, over its categories.
    precision: float
    score: float
    threshold: float
    found: tuple[Found, ...]


def look_up(folder: RunFolder, image: Path, category: str | None) -> Answer:
    """Find the test images of a category that are most like an image.

    Raises ReproError where the image cannot be read, the category is not clear, or the study holds no such vectors.
    """
    again = f"run `nox -s reproduce -- --study {folder.study}` first"
    results = read_record(folder.report / "results.json", Results, hint=again)
    picture = _read(image)
    cell, feature, precision = _best(results, _category(results, image, category))
    checkpoint = folder.cell(cell) / "checkpoint.ckpt"
    if not checkpoint.is_file():
        raise ReproError("the trained model is not here, only its report", where=checkpoint, hint=again)
    images = [str(name) for name in load_predictions(folder.cell(cell) / "predictions.npz").images]
    vectors = read_embeddings(folder.cell(cell) / "embeddings.npz", len(images))[FEATURES[feature][1]]
    query, score = _embed(folder, cell, checkpoint, picture, feature)
    return Answer(
        cell=cell,
        feature=feature,
        precision=precision,
        score=score,
        threshold=results.cells[cell.key].thresholds.image,
        found=tuple(_nearest(folder, vectors, images, query)),
    )


def write_sheet(folder: RunFolder, image: Path, answer: Answer) -> Path:
    """Write the images side by side, and a Markdown page with them; returns the page's path."""
    root = read_root(folder, hint=f"run `repro data --study {folder.study}` first")
    pictures = [(f"{image.name}: score {answer.score:.3f}", "the query", _read(image))]
    for found in answer.found:
        pictures.append((f"{found.similarity:.4f}", found.image.split("/", 2)[2], _read(root / found.image)))
    sheet = Image.new("RGB", (SIDE * len(pictures), SIDE + WORDS), "white")
    draw = ImageDraw.Draw(sheet)
    for column, (first, second, picture) in enumerate(pictures):
        sheet.paste(ImageOps.fit(picture, (SIDE - 4, SIDE - 4)), (column * SIDE + 2, 2))
        draw.text((column * SIDE + 4, SIDE), first, "black")
        draw.text((column * SIDE + 4, SIDE + 16), second, "black")
    place = folder.run / "search" / f"{image.stem}.md"
    with writing(place.with_suffix(".png")) as temporary:
        sheet.save(temporary)
    write_text(place, markdown(image, answer))
    return place


def markdown(image: Path, answer: Answer) -> str:
    """Format an answer as a Markdown page beside its picture."""
    rows = [
        f"| {rank} | {found.image} | {defect_of(found.image)} | {found.similarity:.4f} |"
        for rank, found in enumerate(answer.found, start=1)
    ]
    called = "anomalous" if answer.score > answer.threshold else "normal"
    return "\n".join(
        [
            f"# Images like {image.name}",
            "",
            f"By the {FEATURES[answer.feature][0]} of `{answer.cell.key}`, the best of this study: with every image "
            f"of its tests as the query, mean average precision is {answer.precision:.2f}. The model calls the image "
            f"{called}: score {answer.score:.4f}, threshold {answer.threshold:.4f}.",
            "",
            f"![the query and the test images that are most like it]({image.stem}.png)",
            "",
            "| Rank | Test image | Defect | Cosine similarity |",
            "|--:|:--|:--|--:|",
            *rows,
            "",
        ]
    )


def _read(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except FileNotFoundError:
        raise ReproError("no such file", where=path, hint="name an image") from None
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ReproError(f"is no image ({type(error).__name__})", where=path, hint="name an image") from None


def _category(results: Results, image: Path, named: str | None) -> str:
    """The category that is named, or the only one, or the one among the folders of the image."""
    known = [category for category in results.study.categories if category in results.data.categories]
    choices = [named] if named else known if len(known) == 1 else [part for part in image.parts if part in known]
    if len(set(choices)) != 1 or choices[0] not in known:
        what = f"has no category {named}" if named else "of which category is the image?"
        raise ReproError(what, where=f"study {results.study.name}", hint=f"add --category {'|'.join(known)}")
    return choices[0]


def _best(results: Results, category: str) -> tuple[Cell, str, float]:
    """The cell of the category, and the feature, that rank best in the mean over all categories."""
    precisions: dict[tuple[str, str], list[float]] = {}
    for key, record in results.retrieval.items():
        for feature in FEATURES:
            if measured := getattr(record, feature):
                search = measured.search(label_filter=False, self_match=False)
                name = results.cells[key].variant, feature
                precisions.setdefault(name, []).append(search.measured.mean_average_precision)
    means = {name: float(np.mean(values)) for name, values in precisions.items()}
    for variant, feature in sorted(means, key=lambda name: -means[name]):
        for cell in map(Cell.from_key, results.ordered):
            if (cell.variant, cell.category) == (variant, category):
                return cell, feature, means[variant, feature]
    hint = "choose a study that trains models and names queries, such as embedded"
    raise ReproError("holds no embeddings of its test images", where=f"study {results.study.name}", hint=hint)


def _embed(
    folder: RunFolder, cell: Cell, checkpoint: Path, picture: Image.Image, feature: str
) -> tuple[NDArray[np.float32], float]:
    """The vector of a picture as `predict` makes it, [D], and its anomaly score."""
    variant = load_resolved(folder).variants[cell.variant]
    entry, model = MODELS[variant.model], load(variant, checkpoint).eval()
    seen: list[Any] = []
    entry.networks(model)[0].register_forward_hook(lambda module, inputs, output: seen.append(output))
    pixels = torch.from_numpy(np.asarray(picture, np.float32) / 255).permute(2, 0, 1)[None]
    with torch.inference_mode():
        output = model(pixels)
        embedding = entry.embedding(model, seen[-1])
        if feature == "patch_embedding":
            vector = embedding.mean(dim=(2, 3))
        else:
            vector = weighted(embedding, output.anomaly_map, entry.border(model))
    return vector[0].numpy().astype(np.float32), float(output.pred_score)


def _nearest(
    folder: RunFolder, vectors: NDArray[np.float32], images: list[str], query: NDArray[np.float32]
) -> list[Found]:
    with connect(None, folder.run / "qdrant") as client:
        client.create_collection("test", vectors_config=VectorParams(size=len(query), distance=Distance.COSINE))
        client.upload_points(
            "test",
            [PointStruct(id=index, vector=vector.tolist()) for index, vector in enumerate(vectors)],
            wait=True,
        )
        points = client.query_points("test", query=query.tolist(), limit=DEPTH, with_payload=False).points
    return [Found(images[int(point.id)], float(point.score)) for point in points]
