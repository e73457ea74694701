"""The side-by-side benchmarks of the repository, by name: the script, what it is run with, and how its record is read. Imports no jax."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from triality.cli.checkout import find_checkout
from triality.errors import ConfigError, StorageError
from triality.runs.json_files import parse_json

if TYPE_CHECKING:
    from triality.profiling.peer_ratio import Compared, PeerRatio

SideBySideName = Literal["imitation", "imitation-mujoco", "densities", "sequences", "log-z", "exact", "collection"]


class SideBySide(NamedTuple):
    """One benchmark.

    Fields:
        script: in ``benchmarks/``, without its ending; its record has the same name.
        peers: beside whom.
        arguments: that it is run with, beyond ``--out``.
    """

    script: str
    peers: str
    arguments: tuple[str, ...] = ()


SIDE_BY_SIDES: dict[str, SideBySide] = {
    "imitation": SideBySide("irl_vs_imitation", "imitation and stable-baselines3, Pendulum"),
    "imitation-mujoco": SideBySide("irl_vs_imitation_mujoco", "imitation and stable-baselines3, HalfCheetah"),
    "densities": SideBySide("density_speed", "zuko, ebmkit and torch"),
    "sequences": SideBySide("sequence_speed", "torch"),
    "log-z": SideBySide("log_z_cost", "annealed importance sampling and sequential Monte Carlo"),
    "exact": SideBySide("exact_speed", "irl-maxent and pymbar"),
    "collection": SideBySide("collection_rate", "mujoco.rollout"),
}


def checkout_problems(asked: Sequence[str] | None, option: str) -> list[str]:
    """What is wrong with asking for side by sides where there is no checkout."""
    if asked is None or find_checkout() is not None:
        return []
    return [
        f"expected {option} in a checkout of the repository, got an installed package, which has neither the scripts nor their records; "
        "clone the repository and call the command from its folder"
    ]


def run_side_by_sides(names: Sequence[str], out: Path) -> tuple[PeerRatio, ...]:
    """Run the scripts one after the other, each with its record in ``out``, and read the ratios.

    Raises:
        ConfigError: there is no checkout, or a script did not come to its end; those that did are kept in ``out``.
        StorageError: a record is damaged.
    """
    root, failed, found = _root(), [], []
    for name in names or tuple(SIDE_BY_SIDES):
        each = SIDE_BY_SIDES[name]
        record = out / f"{each.script}.json"
        script = root / "benchmarks" / f"{each.script}.py"
        done = subprocess.run([sys.executable, str(script), *each.arguments, "--out", str(record.resolve())], cwd=root, check=False)
        if done.returncode == 0:
            found += ratios_of(name, record)
        else:
            failed.append(f"{script} (exit code {done.returncode})")
    if failed:
        raise ConfigError(
            f"expected every side by side to come to its end, got failures of {', '.join(failed)}; see what they print, above"
        )
    return tuple(found)


def recorded_side_by_sides(names: Sequence[str]) -> tuple[PeerRatio, ...]:
    """The ratios of the records that the repository keeps; without names, of all that are there.

    Raises:
        ConfigError: there is no checkout, or no record of a name that was asked for.
        StorageError: a record is damaged.
    """
    folder, found = _root() / "benchmarks" / "results", []
    for name in names or tuple(SIDE_BY_SIDES):
        record = folder / f"{SIDE_BY_SIDES[name].script}.json"
        if record.is_file():
            found += ratios_of(name, record)
        elif names:
            raise ConfigError(f"expected a record of {name} at {record}, got none; run it with --side-by-side {name}")
    return tuple(found)


def ratios_of(name: str, path: Path) -> tuple[PeerRatio, ...]:
    """The ratios in one record.

    Raises:
        StorageError: unreadable or damaged.
    """
    from triality.profiling import recorded_ratios as read
    from triality.profiling.peer_ratio import of_record

    readers: dict[str, Callable[[dict[str, Any]], list[Compared]]] = {
        "imitation": read.of_imitation,
        "imitation-mujoco": read.of_imitation_mujoco,
        "densities": read.of_densities,
        "sequences": read.of_sequences,
        "log-z": read.of_log_z,
        "exact": read.of_exact,
        "collection": read.of_collection,
    }
    try:
        record = parse_json(path.read_bytes())
        return of_record(SIDE_BY_SIDES[name].script, readers[name](record), record.get("machine", {}))
    except OSError as error:
        raise StorageError(f"{path}: expected a readable record, got '{error.strerror}'; check the path") from error
    except (KeyError, TypeError, IndexError, AttributeError, json.JSONDecodeError, ValueError) as error:
        raise StorageError(
            f"{path}: expected a record of {SIDE_BY_SIDES[name].script}.py, got a damaged one ({error}); run it again"
        ) from error


def _root() -> Path:
    root = find_checkout()
    if root is None:
        raise ConfigError("expected a checkout of the repository, got an installed package; clone the repository and call it from there")
    return root
