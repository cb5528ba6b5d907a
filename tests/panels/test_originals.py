import hashlib
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repro.errors import ReproError
from repro.panels.originals import CATEGORIES, MODELS, Original, check, originals, pixel_hash


def test_the_table_has_every_official_test_image_of_both_models() -> None:
    sets = Counter((one.model, one.category) for one in originals())
    assert sets == {(model, c): n for model in MODELS for c, n in zip(CATEGORIES, (78, 117, 124), strict=True)}
    good = Counter((one.model, one.category) for one in originals() if one.defect == "good")
    assert good == {(model, c): n for model in MODELS for c, n in zip(CATEGORIES, (21, 33, 32), strict=True)}


def test_every_row_names_one_file() -> None:
    for values in ("path", "sha256", "pixels"):
        assert len({getattr(one, values) for one in originals()}) == 638
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for one in originals() for digest in (one.sha256, one.pixels))
    assert {one.name for one in originals() if one.model == MODELS[0]} == {
        one.name for one in originals() if one.model == MODELS[1]
    }
    first = originals()[0]
    assert first.name == "grid/test/bent/000.png"
    assert first.path == "assignments/assignment-2/results/EfficientAd/MVTec/grid/latest/images/bent/000.png"


def test_a_file_is_proved_by_its_pixels_or_its_bytes(tmp_path: Path) -> None:
    figure = np.random.default_rng(0).integers(0, 256, (5, 25, 3), dtype=np.uint8)
    png, webp = tmp_path / "a.png", tmp_path / "a.webp"
    Image.fromarray(figure).save(png)
    Image.fromarray(figure).save(webp, lossless=True)
    digest = hashlib.sha256(png.read_bytes()).hexdigest()
    by_pixels = Original("M", "grid", "good", "000", 0, "", pixel_hash(figure))
    by_bytes = Original("M", "grid", "good", "000", png.stat().st_size, digest, "")
    check(webp, np.asarray(Image.open(webp).convert("RGB")), by_pixels)
    check(png, figure, by_bytes)
    with pytest.raises(ReproError, match=r"a\.webp: is not the study's figure of grid/test/good/000\.png"):
        check(webp, figure, by_bytes)


def test_the_hash_of_pixels_is_that_of_their_bytes_in_red_green_and_blue() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 25, 4), dtype=np.uint8))
    expected = hashlib.sha256(picture.convert("RGB").tobytes()).hexdigest()
    assert pixel_hash(np.asarray(picture.convert("RGB"))) == expected
