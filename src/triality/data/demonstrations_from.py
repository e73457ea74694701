"""Demonstrations from where people have them: one entry for every format. What a file is, its content decides, not its name.

Read are npz (this library's own), CSV, D4RL's HDF5, Minari (HDF5, Arrow, Parquet), folders that ``imitation`` saved, and LeRobot v3.
Nothing is unpickled, nothing is executed. Imports no jax.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from triality.data.demonstration_file import read_demonstrations
from triality.data.demonstrations import Demonstrations
from triality.data.demonstrations_csv import read_csv
from triality.data.demonstrations_d4rl import is_d4rl, read_d4rl
from triality.data.demonstrations_imitation import is_datasets_folder, read_imitation
from triality.data.demonstrations_lerobot import is_lerobot, read_lerobot
from triality.data.demonstrations_minari import METADATA, join_recorded, minari_folder, read_metadata, read_minari
from triality.data.flattening import Keys
from triality.data.hdf5 import Hdf5File, with_hdf5
from triality.data.minari_hdf5 import is_minari, read_hdf5_episodes
from triality.errors import DataError

FOLDERS = "a Minari data set (metadata.json), a folder that imitation saved (state.json) or a LeRobot data set (meta/info.json)"
NPZ = (b"PK\x03\x04", b"PK\x05\x06")
HDF5 = b"\x89HDF"
REFUSED = {
    b"\x80": "a pickle, which is never loaded because it can run code; save arrays with numpy.savez, or trajectories with imitation 1.0",
    b"\x93NUM": "a single .npy array; save all arrays together with numpy.savez",
    b"PAR1": "one Parquet file; give the folder of the whole data set",
    b"ARRO": "one Arrow file; give the folder of the whole data set",
    b"\xff\xff\xff\xff": "one Arrow file; give the folder of the whole data set",
    b"\x1f\x8b": "a gzip file; unpack it first",
    b"\x28\xb5\x2f\xfd": "a zstandard file; unpack it first",
}


def read_demonstrations_from(path: str | PathLike[str], keys: Keys = None) -> Demonstrations:
    """The demonstrations in a file or folder of any known format, checked whole; ``meta["origin"]`` says which it was.

    Args:
        path: a file or a folder.
        keys: which parts of an observation to take, in this order, where it is made of several: whole names such as
            ``body/position``, groups such as ``body``, or last parts such as ``position``. None takes all, sorted by name.

    Raises:
        DataError: no known format, or whatever is wrong with it: file, array, index, and what to do.
        ConfigError: the package that reads this format is not installed; names the extra.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "steps.txt"
        ...     _ = file.write_text("episode,obs_0,action,reward\\n0,0.5,1,1\\n0,0.7,0,1\\n1,0.1,1,0\\n")
        ...     demos = read_demonstrations_from(file)
        >>> demos.lengths.tolist(), demos.returns().tolist(), demos.is_discrete
        ([2, 1], [2.0, 0.0], True)
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _read_folder(path, keys)
        return _read_file(path, keys)
    except (OSError, MemoryError, ValueError) as error:
        raise DataError(f"{path}: expected readable demonstrations, got {type(error).__name__}: {error}; check the path") from error


def _read_folder(path: Path, keys: Keys) -> Demonstrations:
    found = minari_folder(path)
    if found is not None:
        return read_minari(found, keys)
    if is_datasets_folder(path):
        return read_imitation(path, keys)
    if is_lerobot(path):
        return read_lerobot(path, keys)
    inside = sorted(
        str(each.relative_to(path)) for depth in ("*", "*/*") for each in path.glob(depth) if each.is_dir() and minari_folder(each)
    )
    hint = f"; it holds the data sets {', '.join(inside[:5])}: name one of them" if inside else "; check the path"
    raise DataError(f"{path}: expected {FOLDERS}, got a folder with none of these files{hint}")


def _read_file(path: Path, keys: Keys) -> Demonstrations:
    if not path.exists():
        raise DataError(f"{path}: expected demonstrations, got no file there; check the path")
    if not path.is_file():  # opening a pipe would wait for a writer
        raise DataError(f"{path}: expected a file or a folder, got a device or a pipe; save the demonstrations as a file")
    with open(path, "rb") as file:
        start = file.read(4)
    if not start:
        raise DataError(f"{path}: expected demonstrations, got an empty file; check it")
    if start == HDF5:
        return with_hdf5(path, lambda opened: _read_hdf5(opened, keys))
    if start in NPZ:
        if keys is not None:
            raise DataError(f"{path}: expected an observation of several parts to choose from, got an npz, which has one; leave --keys out")
        return read_demonstrations(path)
    other = next((text for magic, text in REFUSED.items() if start.startswith(magic)), None)
    if other is not None:
        raise DataError(f"{path}: expected npz, CSV or HDF5, or a folder, got {other}")
    return read_csv(path, keys)


def _read_hdf5(file: Hdf5File, keys: Keys) -> Demonstrations:
    if is_minari(file):
        metadata = read_metadata(file.path.parent / METADATA)
        return join_recorded(str(file.path), *read_hdf5_episodes(file.path, metadata, keys), "HDF5")
    if is_d4rl(file):
        return read_d4rl(file, keys)
    raise DataError(
        f"{file.path}: expected D4RL's layout (observations, actions, terminals) or Minari's (episode_0, ...), "
        f"got {', '.join(file.names(file.root)[:8]) or 'an empty file'}; convert it to npz"
    )
