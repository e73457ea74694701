"""Simulators that draw: Gymnasium's own pictures, on machines without a screen. Needs the extra ``video``."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from triality.envs.gymnasium_eval import full_id
from triality.errors import ConfigError, SimulatorError
from triality.specs import MUJOCO_SPECS

if TYPE_CHECKING:
    import gymnasium

REMEDY = 'install what draws: pip install "triality[video]"'
BACKENDS = ("egl", "osmesa")
"""Ways in which MuJoCo draws without a screen, by graphics card or processor, and by processor."""
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")
PROBE = "import mujoco; context = mujoco.GLContext(16, 16); context.make_current(); context.free()"
PROBE_SECONDS = 120


def open_drawing(env_id: str) -> gymnasium.Env:
    """Gymnasium's environment with its time limit, drawing into arrays.

    Raises:
        ConfigError: Gymnasium or what it draws with is missing, the id is unknown, or no way of drawing works on this machine.
    """
    try:
        import gymnasium
    except ImportError as error:
        raise ConfigError(f"expected Gymnasium for pictures, got no such package; {REMEDY}") from error
    prepare_sdl()
    try:
        if needs_mujoco(env_id):
            prepare_mujoco()
        return gymnasium.make(full_id(env_id), render_mode="rgb_array", disable_env_checker=True)
    except (gymnasium.error.Error, ImportError) as error:
        raise ConfigError(f"expected an environment that Gymnasium can draw, got {env_id!r} ({error}); {REMEDY}") from error


def needs_mujoco(env_id: str) -> bool:
    """Whether an environment is one of MuJoCo's, or is made from one. Of ``module:Name-v0`` the module is imported: it registers the id.

    Raises:
        ConfigError: there is no such id, or no such module.

    Example:
        >>> needs_mujoco("Pendulum-v1"), needs_mujoco("Hopper-v5")
        (False, True)
    """
    import gymnasium
    from gymnasium.envs.registration import load_env_creator

    if env_id in MUJOCO_SPECS:
        return True
    module, _, name = env_id.rpartition(":")
    try:
        if module:
            importlib.import_module(module)
        entry = gymnasium.spec(name).entry_point
        creator = load_env_creator(entry) if module and isinstance(entry, str) else entry
        return "mujoco" in str(entry) or any("mujoco" in base.__module__ for base in getattr(creator, "__mro__", ()))
    except (gymnasium.error.Error, ImportError) as error:
        raise ConfigError(f"expected an environment that Gymnasium can draw, got {env_id!r} ({error}); check the id") from error


def prepare_sdl() -> None:
    """Tell what draws classic control (pygame's SDL) that there is neither screen nor sound; whatever the user has set stays.

    Left to look for them, it draws all the same, but prints an error of its own. Only Linux needs it, and only where there is no screen.
    """
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in SCREENS):
        for name in ("SDL_VIDEODRIVER", "SDL_AUDIODRIVER"):
            os.environ.setdefault(name, "dummy")


def prepare_mujoco() -> None:
    """Set ``MUJOCO_GL`` to the first way that draws here; whatever the user has set stays. Only Linux needs it.

    MuJoCo reads it once, on import, and a way that fails cannot be left again: so each is tried in a process of its own.

    Raises:
        ConfigError: none of them works.
    """
    if "MUJOCO_GL" in os.environ or not sys.platform.startswith("linux"):
        return
    told = []
    for backend in BACKENDS:
        reason = _failure(backend)
        if reason is None:
            os.environ["MUJOCO_GL"] = backend
            return
        told.append(f"{backend}: {reason}")
    raise ConfigError(
        f"expected OpenGL to draw MuJoCo without a screen, got none that works ({'; '.join(told)}); install libegl1 or libosmesa6, or set "
        "MUJOCO_GL to one that works here"
    )


def _failure(backend: str) -> str | None:
    """The last line of what went wrong; None where the backend draws."""
    command, environment = [sys.executable, "-c", PROBE], {**os.environ, "MUJOCO_GL": backend}
    try:
        tried = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        return f"no answer within {PROBE_SECONDS} s"
    return None if tried.returncode == 0 else (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]


def draw(simulator: gymnasium.Env) -> np.ndarray:
    """The picture of now: (height, width, 3) of 8 bits.

    Raises:
        ConfigError: what the environment draws with is missing or does not work.
        SimulatorError: it drew no picture.
    """
    import gymnasium

    try:
        picture: Any = simulator.render()
    except (gymnasium.error.DependencyNotInstalled, ImportError) as error:
        raise ConfigError(f"expected what {_name(simulator)} draws with, got none ({error}); {REMEDY}") from error
    except Exception as error:
        raise ConfigError(
            f"expected {_name(simulator)} to draw itself, got {type(error).__name__}: {error}; "
            "for MuJoCo set MUJOCO_GL to egl or osmesa, whichever works here"
        ) from error
    picture = np.asarray(picture)
    if picture.ndim != 3 or picture.shape[-1] != 3 or picture.dtype != np.uint8:
        raise SimulatorError(f"expected a picture of (height, width, 3) bytes, got {picture.dtype} of shape {picture.shape}; check render")
    return picture


def _name(simulator: gymnasium.Env) -> str:
    return simulator.spec.id if simulator.spec is not None else type(simulator.unwrapped).__name__
