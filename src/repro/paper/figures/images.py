"""Images: a study's test images, resized as for its models."""

from collections.abc import Callable

from PIL import Image

from repro.errors import ReproError
from repro.records.results import Results
from repro.runs import RunFolder, read_root

#: Loads an image by name.
ImageLoader = Callable[[str], Image.Image]


def image_loader(folder: RunFolder, results: Results) -> ImageLoader:
    """A function that loads test images: in colour, resized, before any crop.

    It raises ReproError where an image is missing.
    """
    published = results.data.source == "published"
    root = folder.recovered_images if published else read_root(folder, hint="run `nox -s evaluate` to make it")
    side = results.study.image_size

    def load_image(name: str) -> Image.Image:
        try:
            with Image.open(root / name) as image:
                return image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ReproError(reason, where=root / name, hint="restore the image, or run the study again") from None

    return load_image
