"""Every format that the library reads: how a small one is made, which of its files are damaged, and what reading it gives."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.faults import weak
from triality.data.demonstration_file import write_demonstrations
from triality.data.demonstrations import Demonstrations
from triality.data.demonstrations_from import read_demonstrations_from
from triality.data.sequence_file import Asked, read_sequences
from triality.data.table_file import read_table
from triality.export.numpy_cost import NumpyCost
from triality.export.numpy_policy import NumpyPolicy
from triality.export.saved import read_saved
from triality.runs.checkpoint_file import StoredLeaf, read_leaves, write_leaves
from triality.runs.folder import RunFolder
from triality.runs.json_files import canonical_json

SMALL = Path(__file__).parents[1] / "data" / "formats"
EXPORTED = Path(__file__).parent / "exported"
GOLDEN = Path(__file__).parent / "golden"
SPEC = {"observation_size": 3, "num_actions": 0, "action_size": 2}


class Format(NamedTuple):
    """One format.

    Fields:
        make: writes it into an empty folder, and returns the path to read.
        files: that are damaged, by their pattern below the folder; the first of them in four trials of five.
        read: what the library reads, as bytes or texts that can be compared.
        is_checked: whether the format has a checksum over all that is read, so that no damage may pass.
    """

    make: Callable[[Path], Path]
    files: tuple[str, ...]
    read: Callable[[Path], Any]
    is_checked: bool = False


def bits(array):
    return array.dtype.str, array.shape, array.tobytes()


def of_demonstrations(path, keys=None):
    demos = read_demonstrations_from(path, keys)
    return [(name, *bits(array)) for name, array in demos.columns().items()], canonical_json(demos.meta)


def of_table(path):
    table = read_table(path)
    return [(name, *bits(array)) for name, array in table.parts.items()], table.names, table.shape


def of_sequences(path):
    data = read_sequences(path, Asked())
    return [bits(part) for part in data[:3]], data[3:7]


def of_checkpoint(path):
    found = read_leaves(path)
    return (
        found.step,
        canonical_json(found.config),
        canonical_json(found.versions),
        [(x.path, x.key_impl, *bits(x.array)) for x in found.leaves],
    )


def of_exported(name, loader):
    def read(folder):
        loader.load(folder)
        saved = read_saved(folder, name)
        return canonical_json(saved.description), sorted((key, *bits(array)) for key, array in saved.arrays.items())

    return read


def demonstrations(seed=0):
    draw, length = np.random.default_rng(seed), np.array([5, 3, 8])
    steps = int(length.sum())
    ends = np.zeros(steps, bool)
    ends[np.cumsum(length) - 1] = True
    return Demonstrations(
        draw.normal(size=(steps, 3)).astype(np.float32),
        draw.uniform(-1, 1, size=(steps, 2)).astype(np.float32),
        length,
        rewards=draw.normal(size=steps),
        terminated=ends,
        log_prob=draw.normal(size=steps),
        weights=np.array([1.0, 0.5, 2.0]),
        meta={"environment": "Toy-v0", "seeds": [1, 2]},
    )


def checkpoint(folder):
    draw = np.random.default_rng(0)
    leaves = [StoredLeaf(f".layers[{i}].weight", draw.normal(size=(4, 3 + i)).astype(np.float32)) for i in range(3)]
    leaves += [StoredLeaf(".count", np.array(3, np.int32)), StoredLeaf(".key", np.array([1, 2], np.uint32), "threefry2x32")]
    write_leaves(folder / "state.ckpt", leaves, step=5, config={"env": "Toy-v0", "learning_rate": 3e-4})
    return folder / "state.ckpt"


def npz(folder):
    write_demonstrations(folder / "demos.npz", demonstrations())
    return folder / "demos.npz"


def deflated(folder):
    demos = demonstrations()
    np.savez_compressed(folder / "demos.npz", **demos.columns(), meta=np.array(json.dumps(dict(demos.meta))))
    return folder / "demos.npz"


def copied(source, read):
    """A data set of ``tests/data/formats``, unpacked."""

    def make(folder):
        if (SMALL / source).is_dir():
            shutil.copytree(SMALL / source, folder, dirs_exist_ok=True)
        else:
            shutil.copy(SMALL / source, folder)
        for path in folder.rglob("*.gz"):
            path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()
        return folder / read

    return make


def minari_parquet(folder):
    """The Arrow data set, its files as Parquet with the checksums that the format can have."""
    from pyarrow import ipc, parquet

    copied("minari/toy/dict-arrow-v0", "")(folder)
    for path in folder.glob("data/*/part-0.arrow"):
        with open(path.with_suffix(".parquet"), "wb") as file:  # by its path pyarrow opens no file whose path is no text
            parquet.write_table(ipc.open_file(path.read_bytes()).read_all(), file, write_page_checksum=True)
        path.unlink()
    metadata = folder / "data" / "metadata.json"
    metadata.write_text(metadata.read_text().replace('"data_format": "arrow"', '"data_format": "parquet"'))
    return folder


def table(name):
    def make(folder):
        rows = np.random.default_rng(0).normal(size=(40, 3)).round(3)
        path = folder / name
        if name.endswith(".npz"):
            np.savez(path, train=rows[:30], test=rows[30:])
        elif name.endswith(".npy"):
            np.save(path, rows)
        elif name.endswith(".csv"):
            path.write_text("a,b,c\n" + "\n".join(",".join(map(str, row)) for row in rows))
        else:
            import pyarrow
            from pyarrow import parquet

            with open(path, "wb") as file:
                parquet.write_table(pyarrow.table({column: rows[:, i] for i, column in enumerate("abc")}), file)
        return path

    return make


def tokens(name):
    def make(folder):
        rows = np.random.default_rng(0).integers(9, size=(40, 5))
        path = folder / name
        if name.endswith(".npz"):
            np.savez(path, tokens=rows)
        elif name.startswith("chords"):
            pieces = {part: rows[:24, :2].repeat(8, axis=0) for part in ("train", "valid", "test")}
            np.savez(path.with_suffix(".npz"), **pieces, **{f"{part}_lengths": np.array([96, 96]) for part in pieces})
            path = path.with_suffix(".npz")
        else:
            path.write_text("\n".join(" ".join(map(str, row)) for row in rows))
        return path

    return make


def exported(name):
    def make(folder):
        for suffix in ("json", "safetensors"):
            shutil.copy(EXPORTED / f"{name}.{suffix}", folder)
        return folder

    return make


def run_folder(folder):
    run = RunFolder(folder)
    run.write_config("ebm", {"env": "Toy-v0", "rate": 3e-4, "sizes": [64, 64], "name": None})
    block = {"test_log_likelihood": -1.5, "metrics": {"ess": 0.5}}
    run.write_summary(
        {"command": "ebm", "config": {"rate": 3e-4}, "seeds": [block, block], "iqm": block, "log_z": 1.25, "alarm": "agree",
         "log_z_estimates": {"mixture": {"value": 1.2, "stderr": 0.1}}, "env_steps": 100, "env_steps_per_second": None, "seconds": 2.5}
    )  # fmt: skip
    return folder


DICT_ARROW = ("data/1/part-0.arrow", "data/*/part-0.arrow", "data/metadata.json", "data/0/metadata.json")
FORMATS = {
    "checkpoint": Format(checkpoint, ("state.ckpt",), of_checkpoint, True),
    "demonstrations, npz": Format(npz, ("demos.npz",), of_demonstrations, True),
    "demonstrations, npz compressed": Format(deflated, ("demos.npz",), of_demonstrations, True),
    "CSV": Format(copied("steps.csv", "steps.csv"), ("steps.csv",), of_demonstrations),
    "D4RL HDF5": Format(copied("d4rl.hdf5.gz", "d4rl.hdf5"), ("d4rl.hdf5",), of_demonstrations),
    "Minari HDF5": Format(copied("minari/toy/discrete-v0", ""), ("data/main_data.hdf5", "data/metadata.json"), of_demonstrations),
    "Minari Arrow": Format(copied("minari/toy/dict-arrow-v0", ""), DICT_ARROW, lambda path: of_demonstrations(path, ("position", "clock"))),
    "Minari Parquet": Format(
        minari_parquet, ("data/1/part-0.parquet", "data/metadata.json"), lambda path: of_demonstrations(path, ("position", "clock"))
    ),
    "imitation, Arrow": Format(copied("imitation/continuous", ""), ("data-00000-of-00001.arrow", "state.json"), of_demonstrations),
    "LeRobot Parquet": Format(copied("lerobot", ""), ("data/chunk-000/*.parquet", "meta/info.json"), of_demonstrations),
    "table, npz": Format(table("rows.npz"), ("rows.npz",), of_table, True),
    "table, npy": Format(table("rows.npy"), ("rows.npy",), of_table),
    "table, csv": Format(table("rows.csv"), ("rows.csv",), of_table),
    "table, Parquet": Format(table("rows.parquet"), ("rows.parquet",), of_table),
    "tokens, npz": Format(tokens("tokens.npz"), ("tokens.npz",), of_sequences, True),
    "chords, npz": Format(tokens("chords"), ("chords.npz",), of_sequences, True),
    "tokens, text": Format(tokens("tokens.txt"), ("tokens.txt",), of_sequences),
    "exported policy": Format(exported("policy"), ("policy.safetensors", "policy.json"), of_exported("policy", NumpyPolicy), True),
    "exported cost": Format(exported("cost"), ("cost.safetensors", "cost.json"), of_exported("cost", NumpyCost), True),
    "config.json": Format(run_folder, ("config.json",), lambda folder: canonical_json(RunFolder.open(folder).read_config())),
    "summary.json": Format(run_folder, ("summary.json",), lambda folder: canonical_json(RunFolder(folder).read_summary())),
}
RAW = {
    "npy, read by numpy": Format(table("rows.npy"), ("rows.npy",), weak.of_raw_array),
    "safetensors, read by its library": Format(exported("policy"), ("policy.safetensors",), weak.of_raw_tensors),
}
"""The two formats that arrays are kept in most often, read by their own libraries: for comparison."""
