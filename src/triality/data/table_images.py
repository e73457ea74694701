"""A folder of images of one size: a row is an image, laid out row by row. Needs pillow, which is imported here alone; no jax."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from triality.data.declared_sizes import MOST_RATIO, RATIO_FROM_BYTES
from triality.data.demonstrations import problem_report
from triality.data.table import MOST_CELLS, Table
from triality.errors import ConfigError, DataError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff")
EIGHT_BITS = ("L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")


def read_images(path: Path) -> Table:
    """The images of a folder, in the order of their names: black and white ones as 0 and 1, others as 0 to 255, colors made gray.

    Raises:
        DataError: no images, damaged ones, more than eight bits a pixel, or several sizes; all that is wrong is listed.
        ConfigError: pillow is not installed.
    """
    files = sorted(each for each in path.iterdir() if each.suffix.lower() in SUFFIXES and not each.name.startswith(".") and each.is_file())
    if not files:
        raise DataError(f"{path}: expected a file, or a folder of images ({', '.join(SUFFIXES)}), got a folder without; check the path")
    try:
        from PIL import Image
    except ImportError as error:
        raise ConfigError("expected the package pillow, got none installed; do pip install pillow") from error
    images, problems, size, is_binary, declared, on_disk = [], [], None, True, 0, sum(file.stat().st_size for file in files)
    for file in files:
        try:
            with Image.open(file) as image:
                size = size or image.size
                text = _problem(image, size, len(files))
                declared += image.size[0] * image.size[1] * len(image.getbands())
                if declared > RATIO_FROM_BYTES and declared > MOST_RATIO * on_disk:
                    raise DataError(
                        f"{path}: {file.name}: expected images of at most {MOST_RATIO} times the size of their files, got more pixels "
                        "(a bomb?); save them with less compression"
                    )
                if text is None:
                    is_binary = is_binary and image.mode == "1"
                    images.append(np.asarray(image.convert("L"), np.uint8))
        except DataError:
            raise
        except Exception as error:  # a damaged image raises many unrelated classes
            text = f"expected an image, got {type(error).__name__}; repair it or leave it out"
        if text is not None:
            problems.append(f"{file.name}: {text}")
    if problems:
        more = [f"and {len(problems) - 10} more files"] if len(problems) > 10 else []
        raise DataError(problem_report(str(path), problems[:10] + more))
    rows = np.stack([image.reshape(-1) for image in images]).astype(np.float64)
    return Table({"all": rows / 255 if is_binary else rows}, (), images[0].shape)


def _problem(image: Image, size: tuple[int, int], num_images: int) -> str | None:
    """What is wrong, by the header alone: nothing is decoded before its size is known."""
    if image.size != size:
        return f"expected images of one size ({size[0]} x {size[1]}), got {image.size[0]} x {image.size[1]}; resize them"
    if size[0] * size[1] * num_images > MOST_CELLS:
        return f"expected at most {MOST_CELLS} pixels in all images, got {num_images} of {size[0]} x {size[1]}; make them smaller"
    if image.mode != "1" and image.mode not in EIGHT_BITS:
        return f"expected at most 8 bits a pixel, got mode {image.mode}; convert it, or save an array of shape (n, height, width)"
    return None
