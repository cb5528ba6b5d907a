"""Images: the test images of a study as its models are shown them."""

from collections.abc import Callable

from PIL import Image

from repro.errors import ReproError
from repro.records.results import Results
from repro.runs import RunFolder, read_root

#: From the name of an image to the image.
Photograph = Callable[[str], Image.Image]


def photographs(folder: RunFolder, results: Results) -> Photograph:
    """How to get the images: in colour, resized, before any crop; ReproError where one is missing."""
    published = results.data.source == "published"
    root = folder.recovered_images if published else read_root(folder, hint="run `nox -s evaluate` to make it")
    side = results.study.image_size

    def photograph(name: str) -> Image.Image:
        try:
            with Image.open(root / name) as image:
                return image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ReproError(reason, where=root / name, hint="restore the image, or run the study again") from None

    return photograph
