"""Films on the disk: gif, or mp4 where imageio-ffmpeg is installed. Frames are written as they come; the file appears when it is whole."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from triality.errors import ConfigError, StorageError
from triality.runs.atomic import TEMPORARY_PREFIX
from triality.video.graphics import REMEDY

FORMATS = (".gif", ".mp4")


def check_film(path: Path) -> None:
    """Raise what ``write_film`` would raise of the path and of what is installed, before anything is drawn.

    Raises:
        ConfigError: neither .gif nor .mp4, or what writes it is missing.

    Example:
        >>> check_film(Path("run.gif"))
        >>> check_film(Path("run.avi"))
        Traceback (most recent call last):
            ...
        triality.errors.ConfigError: run.avi: expected a name that ends in .gif or .mp4, got '.avi'; choose another --out
    """
    if path.suffix not in FORMATS:
        raise ConfigError(f"{path}: expected a name that ends in {' or '.join(FORMATS)}, got '{path.suffix}'; choose another --out")
    try:
        import imageio
        import PIL

        del imageio, PIL
    except ImportError as error:
        raise ConfigError(f"expected imageio and pillow to write films, got no package '{error.name}'; {REMEDY}") from error
    if path.suffix == ".mp4":
        try:
            import imageio_ffmpeg  # pyright: ignore[reportMissingImports]

            del imageio_ffmpeg
        except ImportError as error:
            raise ConfigError(
                f"{path}: expected imageio-ffmpeg to write mp4, got no such package; "
                "install it: pip install imageio-ffmpeg, or choose a name that ends in .gif"
            ) from error


def write_film(path: Path, frames: Iterator[np.ndarray], fps: int) -> int:
    """Write the frames, all of one size; returns how many there were.

    Args:
        path: ends in .gif or .mp4; what is there is replaced.
        frames: (height, width, 3) bytes; sides even for mp4.
        fps: frames a second. A gif counts hundredths of a second, and viewers slow down more than 50.

    Raises:
        ConfigError: as ``check_film``.
        StorageError: the operating system refused.
    """
    check_film(path)
    temporary = path.parent / f"{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(4)}{path.suffix}"
    try:
        count = _write(temporary, frames, fps)
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(f"{path}: expected to be able to write it, got '{error.strerror or error}'; choose another --out") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return count


def _write(path: Path, frames: Iterator[np.ndarray], fps: int) -> int:
    from imageio import v2

    settings: dict[str, Any] = {"duration": 1000 / fps, "loop": 0} if path.suffix == ".gif" else {"fps": fps, "macro_block_size": 2}
    writer: Any = v2.get_writer(path, **settings)
    count = 0
    with writer:
        for frame in frames:
            writer.append_data(frame)
            count += 1
    return count
