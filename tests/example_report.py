"""A small report folder with a valid schema, for tests of the paper; its numbers are made up."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from repro.models.layers import Layer, fields
from repro.records.results import Results
from repro.runs import RunFolder, sha256, write_json, write_text

SMALL = (
    ("conv1", 4, 1, 3),
    ("avgpool1", 2, 2, 1),
    ("conv2", 4, 1, 3),
    ("avgpool2", 2, 2, 1),
    ("conv3", 3, 1, 1),
    ("conv4", 4, 1, 0),
)
MEDIUM = (("conv1", 4, 1, 3), ("avgpool1", 2, 2, 1), ("conv2", 4, 1, 3), ("avgpool2", 2, 2, 1), ("conv3", 1, 1, 0),
          ("conv4", 3, 1, 1), ("conv5", 4, 1, 0), ("conv6", 1, 1, 0))  # fmt: skip
METRICS = ("image_auroc", "image_f1", "pixel_auroc", "pixel_f1", "image_ap", "pixel_ap", "aupro")
VARIANTS = {
    "efficientad": (
        "efficientad",
        {"size": "small", "padding": False, "epochs": 2, "teacher": "random", "penalty": "photographs"},
        {
            "teacher": {
                "kind": "random",
                "description": "patch description network with seeded random weights",
                "sha256": "a1" * 32,
            },
            "penalty": {"kind": "photographs", "description": "13 photographs", "sha256": "b2" * 32},
        },
    ),
    "patchcore": (
        "patchcore",
        {
            "backbone": "resnet18",
            "pretrained": False,
            "layers": ["layer2", "layer3", "layer4"],
            "neighbours": 3,
            "coreset_ratio": 0.1,
            "center_crop": 224,
            "epochs": 3,
            "blur": 0.0,
        },
        {"backbone": {"kind": "random", "description": "resnet18 with random weights", "sha256": None}},
    ),
}
PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
    '<rect width="100%" height="100%" fill="#abc"/></svg>\n'
)


def build(
    root: Path,
    *,
    study: str = "example",
    title: str = "An example study",
    categories: Sequence[str] = ("grid", "tile"),
    defects: Sequence[str] = ("bent", "broken"),
    seeds: Sequence[int] = (0,),
    source: str = "procedural",
    official: bool = False,
    teacher: str = "random",
    failing: bool = True,
    draw: Callable[[Path, str], None] | None = None,
) -> RunFolder:
    """Write the six records and a placeholder for each figure; `draw(path, kind)` may draw better ones."""
    folder = RunFolder(study, root)
    content = results(study, title, categories, defects, seeds, source, official, teacher)
    write_json(folder.report / "results.json", content)
    digest = sha256(folder.report / "results.json")
    write_json(
        folder.report / "verdicts.json",
        {"schema_version": 1, "results_sha256": digest, "verdicts": verdicts(next(iter(content["cells"])))},
    )
    write_json(folder.report / "guards.json", guards(digest, categories, failing))
    write_json(folder.report / "environment.json", environment(content))
    write_json(folder.report / "timings.json", timings(content))
    write_json(folder.report.parent / "bench.json", bench(study, content))
    drawn = figures(content, categories)
    write_json(folder.report / "figures" / "figures.json", {"schema_version": 1, "figures": drawn})
    for figure in drawn:
        path = folder.report / "figures" / figure["file"]
        if draw is None:
            write_text(path, PICTURE.format(width=300, height=120))
        else:
            draw(path, figure["kind"])
    return folder


def results(
    study: str,
    title: str,
    categories: Sequence[str],
    defects: Sequence[str],
    seeds: Sequence[int],
    source: str,
    official: bool,
    teacher: str,
) -> dict[str, Any]:
    """The content of results.json."""
    variants = {
        name: {
            "model": model,
            "settings": dict(settings),
            "weights": {role: dict(record) for role, record in weights.items()},
        }
        for name, (model, settings, weights) in VARIANTS.items()
    }
    variants["efficientad"]["weights"]["teacher"]["kind"] = teacher
    name = (
        "procedural stand-ins" if source == "procedural" else "MVTec AD" if official else "a folder in MVTec AD layout"
    )
    cells = {
        f"{variant}/{category}/seed{seed}": cell(variant, category, seed, defects, number)
        for number, (variant, category, seed) in enumerate(itertools.product(VARIANTS, categories, seeds))
    }
    return {
        "schema_version": 1,
        "study": {
            "name": study,
            "title": title,
            "image_size": 256,
            "categories": list(categories),
            "seeds": list(seeds),
            "guards": [],
            "fingerprint": "c3" * 32,
        },
        "data": {
            "source": source,
            "name": name,
            "official": official,
            "categories": {
                category: {
                    "train": 16,
                    "test": {"good": 10} | dict.fromkeys(defects, 4),
                    "image_sizes": [[1024, 1024]],
                    "modes": ["RGB"],
                    "fingerprint": f"{number:02x}" * 32,
                }
                for number, category in enumerate(categories)
            },
            "fingerprint": "d4" * 32,
        },
        "variants": variants,
        "cells": cells,
        "heat_maps": [
            {"category": category, "defect": defect, "place": place, "image": f"{category}/test/{defect}/000.png"}
            for category, defect, place in itertools.product(categories, defects, ("best", "median", "worst"))
        ],
        "retrieval": {key: retrieval(record["category"], defects) for key, record in cells.items()},
        "receptive_field": {
            "input_size": 256,
            "networks": {
                f"{size}-padded" if padded else size: network(size, layers, padded)
                for (size, layers), padded in itertools.product((("small", SMALL), ("medium", MEDIUM)), (False, True))
            },
        },
    }


def without(results: Results, *gone: str) -> Results:
    """A partial report: without the cells whose keys begin with `gone`."""
    cells = {key: cell for key, cell in results.cells.items() if not key.startswith(gone)}
    retrieval = {key: record for key, record in results.retrieval.items() if key in cells}
    return results.model_copy(update={"cells": cells, "retrieval": retrieval})


def cell(variant: str, category: str, seed: int, defects: Sequence[str], number: int) -> dict[str, Any]:
    """One cell; its metrics depend on its number, so that no two of the first 23 are equal."""
    images = [
        f"{category}/test/{defect}/{place:03}.png"
        for defect, count in (("good", 10), *((defect, 4) for defect in defects))
        for place in range(count)
    ]
    metrics = {metric: round(0.9 - 0.0371 * (number % 23) + 0.0113 * index, 4) for index, metric in enumerate(METRICS)}
    patchcore = variant == "patchcore"
    return {
        "variant": variant,
        "category": category,
        "seed": seed,
        "epochs_asked": 3 if patchcore else 2,
        "epochs_run": 1 if patchcore else 2,
        "steps": 0 if patchcore else 32,
        "memory_bank": {"patches": 1254, "dimension": 448} if patchcore else None,
        "map_size": [224, 224] if patchcore else [256, 256],
        "images": 10 + 4 * len(defects),
        "anomalous": 4 * len(defects),
        "anomalous_pixels": 0.0213,
        "thresholds": {"image": 12.3456 if patchcore else 0.7123, "pixel": 9.87654 if patchcore else -0.0512},
        "metrics": metrics,
        "raw": {metric: round(metrics[metric] + 0.0012 * (index % 2), 4) for index, metric in enumerate(METRICS[:4])},
        "intervals": {
            metric: {"low": round(value - 0.03, 4), "high": round(value + 0.02, 4)} for metric, value in metrics.items()
        },
        "resolution": 0.0556,
        "discretisation": 0.0002,
        "sound": {
            "folds": [
                {
                    "thresholds": {"image": 0.7, "pixel": 0.4},
                    "chosen_on": images[1 - side :: 2],
                    "judged": images[side::2],
                }
                for side in (0, 1)
            ],
            "image_f1": round(metrics["image_f1"] - 0.0488, 4),
            "pixel_f1": round(metrics["pixel_f1"] - 0.0007, 4),
            "image_leak": {"points": 5.0, "low": 1.25, "high": 9.5},
            "pixel_leak": {"points": 0.19, "low": -0.05, "high": 3.5},
        },
        "scores": [
            {"image": image, "defect": image.split("/")[-2], "score": 0.5 + int(image[-7:-4]) / 10} for image in images
        ],
        "efficientnet_modules": 0,
        "preprocessing": ["Resize(size=[256, 256])"],
        "fingerprint": "e5" * 32,
    }


def retrieval(category: str, defects: Sequence[str]) -> dict[str, Any]:
    """The features of one cell."""
    image = f"{category}/test/{defects[0]}/000.png"
    hits = [{"rank": rank, "image": image, "defect": defects[0], "score": 1.0} for rank in range(5)]
    common = {"points": 18, "queries": [{"image": image, "defect": defects[0], "hits": hits}]}
    kinds = list(itertools.product((True, False), (True, False)))
    published = {
        "dimension": 1024,
        "distinct_vectors": 1,
        "searches": [search(label_filter, self_match, informed=False) for label_filter, self_match in kinds],
    }
    patches = {
        "dimension": 448,
        "distinct_vectors": 18,
        "searches": [search(label_filter, self_match, informed=True) for label_filter, self_match in kinds],
    }
    return {
        "published": common | published,
        "patch_embedding": common | patches,
        "weighted_embedding": common | patches,
    }


def search(label_filter: bool, self_match: bool, *, informed: bool) -> dict[str, Any]:
    """One search, by a feature that distinguishes images or by one that does not."""
    gain = 0.1 * informed
    by_chance = 0.48 if label_filter else 0.2941
    scores = ("precision_at_1", "precision_at_5", "mean_average_precision", "recall_at_5")
    return {
        "label_filter": label_filter,
        "self_match": self_match,
        "measured": dict.fromkeys(scores, by_chance + gain),
        "chance": dict.fromkeys(scores, by_chance),
        "label_precision_at_5": 1.0 if label_filter else 0.4771 + gain,
        "chance_label_precision_at_5": 1.0 if label_filter else 0.4771,
        "self_match_at_5": 0.5556 if self_match else 0.0,
        "distinct_scores": 77 if informed else 1,
        "distinct_hit_lists": 17 if informed else 2,
        "same_as_without_feature": 0.0 if informed else 1.0,
    }


def network(size: str, layers: Sequence[tuple[str, int, int, int]], padded: bool) -> dict[str, Any]:
    """One patch description network; measurement and formula agree."""
    table = fields([Layer(name, kernel, stride, padding * padded) for name, kernel, stride, padding in layers], 256)
    return {
        "size": size,
        "padding": padded,
        "layers": [
            vars(field.layer)
            | {
                "output": field.output,
                "jump": field.jump,
                "receptive_field": field.receptive_field,
                "start": field.start,
            }
            for field in table
        ],
        "measured_outputs": [field.output for field in table],
        "measured_receptive_field": table[-1].receptive_field,
    }


def verdicts(key: str) -> list[dict[str, Any]]:
    """One verdict of each word, and two on receptive fields."""
    words = ("reproduced", "not reproduced", "refuted", "not tested")
    general = [
        {
            "claim": f"example-{number}",
            "place": f"section 2.{number}",
            "statement": f"Claim number {number} of the published paper says something about its models",
            "published": "0.9833",
            "needs": "the official data",
            "own_table": "holds",
            "measured": None if word == "not tested" else "0.8999",
            "value": None if word == "not tested" else 0.8999,
            "interval": None if word == "not tested" else {"low": 0.8512, "high": 0.9301},
            "verdict": word,
            "reason": "other settings" if word == "not tested" else None,
            "rule_name": "value_of",
            "rule": "Reproduced where the measured value lies within 0.02 of the published one, on official data.",
            "evidence": None if word == "not tested" else f"cells.{key}.metrics.image_auroc",
        }
        for number, word in enumerate(words)
    ]
    layers = [
        {
            "claim": f"rf-{name}-output",
            "place": "section 4, table",
            "statement": f"{name.capitalize()} has an output of {published} pixels",
            "published": str(published),
            "needs": "the network",
            "own_table": None,
            "measured": str(measured),
            "value": measured,
            "interval": None,
            "reason": None,
            "rule_name": "receptive_field",
            "verdict": "reproduced" if published == measured else "refuted",
            "rule": "Reproduced where the formula with the listed padding gives the same number.",
            "evidence": "receptive_field.networks.small-padded.layers.0.output",
        }
        for name, published, measured in (("conv1", 256, 259), ("conv4", 61, 64), ("conv3", 64, 67))
    ]
    return general + layers


def guards(digest: str, categories: Sequence[str], failing: bool) -> dict[str, Any]:
    """Assertions that pass; with `failing` the last one fails."""
    assertions = [
        {
            "test": f"test_guards.py::test_metric_is_at_least[{category}]",
            "statement": f"Image AUROC on {category} is at least its bound",
            "value": "0.9000",
            "bound": "0.8500",
            "outcome": "passed",
        }
        for category in categories
    ]
    if failing:
        assertions[-1] |= {"value": "0.7001", "outcome": "failed"}
    return {
        "schema_version": 1,
        "results_sha256": digest,
        "passed": len(assertions) - failing,
        "failed": int(failing),
        "assertions": assertions,
    }


def timings(content: dict[str, Any]) -> dict[str, Any]:
    """Cost of each stage."""
    costs = {
        f"{stage} {key}": {"seconds": 61.5, "peak_mb": 1234.0} for key in content["cells"] for stage in ("fit", "score")
    }
    return costs | {"receptive-field": {"seconds": 2.0, "peak_mb": 0.0}}


def bench(study: str, content: dict[str, Any]) -> dict[str, Any]:
    """Costs of steps and stages on an invented machine."""
    machine = {"processor": "Example CPU @ 2.50GHz", "threads": 2}
    steps = {"coreset-327680": (8000.0, 20.0), "efficientad-step": (4.4, 3.3), "nearest-neighbours": (0.9, 0.25)}
    pairs = [
        {
            "name": name,
            "anomalib_seconds": theirs,
            "seconds": ours,
            "ratio": theirs / ours,
            "measured_share": 0.01 if name.startswith("coreset") else 1.0,
            "floor_seconds": ours * 0.8,
            "points": 327680 if name.startswith("coreset") else None,
        }
        for name, (theirs, ours) in steps.items()
    ]
    return {
        "schema_version": 1,
        **machine,
        "packages": {"anomalib": "2.7.0", "torch": "2.14.1"},
        "rate": 120.0,
        "pairs": pairs,
        "latencies": [
            {
                "model": model,
                "image_size": size,
                "hardware": machine["processor"],
                "threads": machine["threads"],
                "precision": "float32",
                "batch": 1,
                "warm_up": 10,
                "rounds": 100,
                "median_seconds": median,
                "p95_seconds": 1.2 * median,
            }
            for model, size, median in (("efficientad", 256, 0.25), ("patchcore", 224, 0.125))
        ],
        "runs": {study: {**machine, "devices": ["cpu"], "costs": timings(content)}},
    }


def environment(content: dict[str, Any]) -> dict[str, Any]:
    """An invented machine."""
    return {
        "schema_version": 1,
        "commit": "0123abcdef+changes",
        "python": "3.11.7",
        "platform": "Linux x86_64",
        "processor": "Example CPU @ 2.50GHz",
        "devices": ["cpu"],
        "threads": 2,
        "packages": {"anomalib": "2.2.0", "torch": "2.7.1+cpu", "qdrant-client": "1.15.1"},
        "data_fingerprint": content["data"]["fingerprint"],
        "weights": {"efficientad teacher": "a1" * 32},
    }


def figures(content: dict[str, Any], categories: Sequence[str]) -> list[dict[str, Any]]:
    """The figures of figures.json: plots, heat maps and a similarity sheet per variant; alt texts contain markup."""
    plots = [
        {"file": f"{kind}.svg", "kind": kind, "alt": f"Drawing of [four] *{kind}*"}
        for kind in ("pipeline", "metrics", "distributions", "curves", "receptive_field")
    ]
    maps = [{"file": "heat-maps.svg", "kind": "heat_maps", "alt": "Input, maps and truth of each category"}]
    maps += [
        {
            "file": f"heat-maps-{number}.svg",
            "kind": "heat_maps",
            "alt": f"Input and maps of {category}",
            "category": category,
        }
        for number, category in enumerate(categories)
    ]
    contact = [
        {
            "file": f"browse-{number}.webp",
            "kind": "contact_sheet",
            "alt": f"All test images of {category}",
            "category": category,
            "images": [
                score["image"]
                for score in next(c for c in content["cells"].values() if c["category"] == category)["scores"]
            ],
            "across": 1,
            "tile": 16,
        }
        for number, category in enumerate(categories)
    ]
    sheets = [
        {
            "file": f"similarity {number} {variant}.svg",
            "kind": "similarity",
            "alt": f'Query and "hits" of {variant} on {category}',
            "variant": variant,
            "category": category,
            "query": content["retrieval"][f"{variant}/{category}/seed{content['study']['seeds'][0]}"]["published"][
                "queries"
            ][0]["image"],
        }
        for number, (variant, category) in enumerate(zip(content["variants"], categories, strict=False))
    ]
    return plots + maps + sheets + contact
