"""Frames of one size with readable words, films of the right length and speed, and nothing left behind when it fails."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from triality.errors import ConfigError, StorageError
from triality.video import graphics
from triality.video.episodes import Picture
from triality.video.film import write_film
from triality.video.graphics import prepare_mujoco
from triality.video.panel import Strip, compose, frames

GRAY = np.full((20, 31, 3), 128, np.uint8)


def pictures(num):
    return iter([Picture(GRAY, step, -1.5 * step, step == num - 1) for step in range(num)])


def test_the_last_picture_stays_while_the_other_goes_on():
    found = list(frames([Strip("a", pictures(2)), Strip("b", pictures(5))], "caption", 101))
    assert len(found) == 5
    assert len({frame.shape for frame in found}) == 1
    assert all(side % 2 == 0 for side in found[0].shape[:2])
    assert np.array_equal(found[2][:, :101], found[4][:, :101]), "the first has ended"
    assert not np.array_equal(found[2][:, 101:], found[4][:, 101:])


def test_words_are_drawn_where_they_belong():
    plain = compose(["", ""], [Picture(GRAY, 0, 0.0, False)] * 2, "", 200)
    titled = compose(["learned policy", ""], [Picture(GRAY, 0, 0.0, False)] * 2, "", 200)
    rows, columns = np.nonzero((plain != titled).any(axis=2))
    assert len(rows) > 50
    assert rows.max() < 40
    assert columns.max() < 200
    assert compose(["", ""], [Picture(GRAY, 0, 0.0, False)] * 2, "many words " * 20, 200).shape[0] > plain.shape[0], "lines are broken"


def test_a_gif_can_be_read_back(tmp_path):
    path = tmp_path / "film.gif"
    assert write_film(path, frames([Strip("a", pictures(4))], "caption", 80), fps=20) == 4
    with Image.open(path) as film:
        assert film.n_frames == 4
        assert film.info["duration"] == 50
        assert film.info["loop"] == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["film.gif"]


def test_a_film_that_fails_leaves_the_old_one(tmp_path):
    path = tmp_path / "film.gif"
    path.write_bytes(b"old")

    def broken():
        yield GRAY
        raise RuntimeError("simulator gone")

    with pytest.raises(RuntimeError, match="gone"):
        write_film(path, broken(), 20)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["film.gif"]
    with pytest.raises(StorageError, match="another --out"):
        write_film(tmp_path / "nowhere" / "film.gif", iter([GRAY]), 20)


def test_mp4_names_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    with pytest.raises(ConfigError, match="pip install imageio-ffmpeg"):
        write_film(tmp_path / "film.mp4", iter([GRAY]), 20)


def test_mujoco_draws_by_the_first_way_that_works(monkeypatch):
    environment: dict[str, str] = {}
    monkeypatch.setattr(graphics, "os", SimpleNamespace(environ=environment))
    monkeypatch.setattr(graphics, "sys", SimpleNamespace(platform="linux"))
    monkeypatch.setattr(graphics, "_failure", lambda backend: None if backend == "osmesa" else "no driver")
    prepare_mujoco()
    assert environment == {"MUJOCO_GL": "osmesa"}
    monkeypatch.setattr(graphics, "_failure", lambda backend: "no driver")
    prepare_mujoco()
    assert environment == {"MUJOCO_GL": "osmesa"}, "what is set stays"
    environment.clear()
    with pytest.raises(ConfigError, match=r"egl: no driver; osmesa: no driver.*libegl1"):
        prepare_mujoco()
