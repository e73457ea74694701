"""The real pictures, where what draws them is installed."""

import os
import sys

import gymnasium
import numpy as np
import pytest

from triality.errors import ConfigError
from triality.video.episodes import from_seed, from_state
from triality.video.graphics import draw, needs_mujoco, open_drawing, prepare_sdl
from triality.video.places import put_finder


def test_which_simulators_are_mujocos():
    assert needs_mujoco("HalfCheetah-v5")
    assert needs_mujoco("DisabledAnt-v0")
    assert not needs_mujoco("CartPole-v1")


def test_what_this_package_registers_is_opened_by_its_id(monkeypatch):
    pytest.importorskip("mujoco")
    monkeypatch.setenv("MUJOCO_GL", "egl")  # named, so that none is looked for: nothing is drawn here
    simulator = open_drawing("DisabledAnt-v0")
    assert (simulator.render_mode, simulator.spec.id) == ("rgb_array", "DisabledAnt-v0")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="set on Linux alone")
def test_without_a_screen_none_is_looked_for(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.setenv(name, "set first, so that what the test leaves is taken back")
        monkeypatch.delenv(name)
    monkeypatch.setenv("SDL_AUDIODRIVER", "mine")
    prepare_sdl()
    assert (os.environ["SDL_VIDEODRIVER"], os.environ["SDL_AUDIODRIVER"]) == ("dummy", "mine")
    monkeypatch.delenv("SDL_VIDEODRIVER")
    monkeypatch.setenv("DISPLAY", ":0")
    prepare_sdl()
    assert "SDL_VIDEODRIVER" not in os.environ


def test_a_module_of_ones_own_is_imported_for_its_environments(tmp_path, monkeypatch):
    (tmp_path / "drawn_by_me.py").write_text(
        "import gymnasium\n"
        "from tests.video.drawn import DrawnPendulum\n"
        "gymnasium.register('Drawn-v0', DrawnPendulum, max_episode_steps=50)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(gymnasium.registry, "Drawn-v0", raising=False)
    simulator = open_drawing("drawn_by_me:Drawn-v0")
    from_seed(0)(simulator)
    assert draw(simulator).shape == (20, 30, 3)
    del gymnasium.registry["Drawn-v0"]
    with pytest.raises(ConfigError, match="got 'nowhere:Drawn-v0' "):
        open_drawing("nowhere:Drawn-v0")


def test_classic_control_draws_the_state_it_was_put_into():
    pytest.importorskip("pygame")
    simulator = open_drawing("Pendulum-v1")
    from_state(put_finder("Pendulum-v1"), np.array([1.0, 0.0, 0.0]))(simulator)
    upright = draw(simulator)
    from_seed(0)(simulator)
    assert upright.shape == draw(simulator).shape == (500, 500, 3)
    rows = np.nonzero((upright < 250).any(axis=2))[0]
    assert rows.mean() < 220, "the rod points up"
    simulator.close()
