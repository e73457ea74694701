"""Pictures side by side: a title above each, step and return below, one caption under all. Drawn by pillow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from triality.errors import ConfigError
from triality.video.episodes import Picture
from triality.video.graphics import REMEDY

PAPER, INK, QUIET = (255, 255, 255), (24, 24, 27), (113, 113, 122)


class Strip(NamedTuple):
    """What one panel shows.

    Fields:
        title: above the pictures.
        pictures: one after the other; the last one stays while others go on.
    """

    title: str
    pictures: Iterator[Picture]


def frames(strips: Sequence[Strip], caption: str, size: int) -> Iterator[np.ndarray]:
    """The frames of all strips side by side, until the last of them has ended; (height, width, 3) bytes, all of one even size.

    Args:
        strips: one or more.
        caption: under all of them; broken into lines.
        size: width of a panel in pixels.

    Raises:
        ConfigError: pillow is not installed.

    Example:
        >>> gray = np.full((20, 30, 3), 128, np.uint8)
        >>> pictures = iter([Picture(gray, 0, 0.0, False), Picture(gray, 1, -2.0, True)])
        >>> [frame.shape[1] for frame in frames([Strip("policy", pictures)], "Any-v0", 90)]
        [90, 90]
    """
    current: list[Picture | None] = [None] * len(strips)
    while True:
        after = [next(strip.pictures, None) for strip in strips]
        if all(picture is None for picture in after):
            return
        current = [new or old for new, old in zip(after, current, strict=True)]
        titles = [strip.title for strip in strips]
        yield compose(titles, [picture for picture in current if picture is not None], caption, size)


def compose(titles: Sequence[str], pictures: Sequence[Picture], caption: str, size: int) -> np.ndarray:
    """One frame.

    Raises:
        ConfigError: pillow is not installed.
    """
    image_class, draw_class, font_class = _pillow()
    text_size = max(10, size // 22)
    font, line, margin = font_class.load_default(text_size), round(1.5 * text_size), max(4, size // 40)
    images = [_scaled(image_class, picture.image, size) for picture in pictures]
    height, width = max(image.height for image in images), size * len(images)
    lines = _wrapped(caption, font, width - 2 * margin)
    total = 2 * margin + (2 + len(lines)) * line + height
    frame = image_class.new("RGB", (width + width % 2, total + total % 2), PAPER)
    pen = draw_class.Draw(frame)
    for index, (title, picture, image) in enumerate(zip(titles, pictures, images, strict=True)):
        left = index * size
        pen.text((left + margin, margin), title, INK, font)
        frame.paste(image, (left, margin + line))
        pen.text((left + margin, margin + line + height + margin // 2), describe(picture), INK, font)
    for index, words in enumerate(lines):
        pen.text((margin, margin + (2 + index) * line + height), words, QUIET, font)
    return np.asarray(frame)


def describe(picture: Picture) -> str:
    """What is written below a picture.

    Example:
        >>> describe(Picture(np.zeros((1, 1, 3), np.uint8), 7, -12.345, True))
        'step 7, return -12.3, ended'
    """
    return f"step {picture.step}, return {picture.total:.1f}" + (", ended" if picture.is_over else "")


def _scaled(image_class: Any, image: np.ndarray, size: int) -> Any:
    height = max(1, round(size * image.shape[0] / image.shape[1]))
    return image_class.fromarray(image).resize((size, height), image_class.Resampling.LANCZOS)


def _wrapped(text: str, font: Any, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _pillow() -> tuple[Any, Any, Any]:
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as error:
        raise ConfigError(f"expected pillow to draw frames, got no such package; {REMEDY}") from error
    return Image, ImageDraw, ImageFont
