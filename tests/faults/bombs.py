"""Small files that say, or are, far more than they look: how each is made, and the memory that refusing it takes.

    python -m tests.faults.bombs FOLDER

prints a line of JSON a bomb: what was raised, and by how much the most memory of a process grew; then the same of careless readers.
"""

import json
import os
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np

from tests.faults import weak
from tests.faults.damage import hand_made_zip, zip_of
from tests.faults.formats import FORMATS, SMALL, copied, of_checkpoint, of_demonstrations, of_sequences, of_table
from triality.runs.json_files import read_json

HUGE = 56 * 2**20


def header(shape, dtype="<f8"):
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text + b"\n"


def deflated(path):
    """A megabyte of zeros a thousandth of its size."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("observations.npy", header((HUGE // 8, 1)) + bytes(HUGE))


def declared_members(path):
    path.write_bytes(hand_made_zip([(b"%d.npy" % i, b"x", 2**32 - 2, 0) for i in range(3)]))


def many_members(path):
    path.write_bytes(hand_made_zip([(b"%d" % i, b"", 0, 0) for i in range(25_000)]))


def large_directory(path):
    """The record of a large zip before the end says 10^9 members; the end itself says none."""
    large = b"PK\x06\x06" + struct.pack("<QHHLLQQQQ", 44, 45, 45, 0, 0, 10**9, 10**9, 46 * 10**9, 0)
    path.write_bytes(b"PK\x03\x04" + large + b"PK\x06\x07" + struct.pack("<LQL", 0, 4, 1) + b"PK\x05\x06" + bytes(18))


def declared_shape(path):
    path.write_bytes(zip_of([("observations.npy", header((10**9, 10**3))), ("x.npy", header((10**9, 10**3)))]))


def lone_array(path):
    path.write_bytes(header((10**9, 10**3)) + bytes(100))


def unwritten_hdf5(path):
    import h5py

    with h5py.File(path, "w") as file:
        file["actions"], file["terminals"] = np.zeros(9), np.zeros(9, bool)
        file.create_dataset("observations", (10**9, 3), "f4", chunks=(1000, 3))


def one_chunk_hdf5(path):
    """Nine rows, in a piece of 56 MiB that packs to a few kilobytes."""
    import h5py

    with h5py.File(path, "w") as file:
        file["actions"], file["terminals"] = np.zeros((9, 1)), np.arange(9) == 8
        rows = file.create_dataset("observations", (9, 3), "f4", maxshape=(None, 3), chunks=(HUGE // 12, 3), compression="gzip")
        rows.id.write_direct_chunk((0, 0), zlib.compress(bytes(HUGE)))


def many_pieces_hdf5(path):
    """Four megabytes that are not there, in pieces of three bytes: the library takes a thousand times as much to find that out."""
    import h5py

    with h5py.File(path, "w") as file:
        file["actions"], file["observations"] = np.zeros((9, 1)), np.zeros((9, 3))
        file.create_dataset("terminals", (2**18,), "?", chunks=(3,))


def groups_in_groups_hdf5(path):
    import h5py

    with h5py.File(path, "w") as file:
        file["actions"], file["terminals"], file["observations"] = np.zeros((9, 1)), np.arange(9) == 8, np.zeros((9, 3))
        inner = file.create_group("metadata/0")
        inner["x"] = 1.0
        for level in range(1, 7):
            outer = file.create_group(f"metadata/{level}")
            for index in range(12):
                outer[f"again_{index}"] = inner
            inner = outer


def long_text_hdf5(path):
    import h5py

    with h5py.File(path, "w") as file:
        file["actions"], file["terminals"], file["observations"] = np.zeros((9, 1)), np.arange(9) == 8, np.zeros((9, 3))
        file.create_dataset("metadata/x", (), f"S{2**30}")


def arrow_data_set(table_of, compression=None):
    """A data set as imitation saves it, of the columns that ``table_of`` makes."""

    def make(path):
        import pyarrow
        from pyarrow import ipc

        path.mkdir()
        table = table_of(pyarrow)
        with ipc.new_stream(path / "data.arrow", table.schema, options=ipc.IpcWriteOptions(compression=compression)) as writer:
            writer.write_table(table)
        (path / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))

    return make


def zeros(pyarrow):
    rows = pyarrow.array(np.zeros(HUGE // 8))
    lists = pyarrow.ListArray.from_arrays([0, len(rows)], rows)
    return pyarrow.table({"obs": lists, "acts": lists, "terminal": [True]})


def empty_rows(pyarrow):
    """A list of 2^28 rows of no numbers each takes no room at all."""
    rows = pyarrow.FixedSizeListArray.from_buffers(pyarrow.list_(pyarrow.float64(), 0), 2**28, [None], children=[pyarrow.array([], "f8")])
    lists = pyarrow.ListArray.from_arrays([0, len(rows)], rows)
    return pyarrow.table({"obs": lists, "acts": lists, "terminal": [True]})


def constant_parquet(path):
    """Seven million equal numbers in a few kilobytes, without any compression."""
    import pyarrow
    from pyarrow import parquet

    values = pyarrow.array(np.zeros(HUGE // 8))
    parquet.write_table(pyarrow.table({"a": values}), path, compression="none")


def lying_parquet(path):
    """One page of zeros, and a directory that says that it is small."""
    import pyarrow
    from pyarrow import parquet

    values = pyarrow.array(np.zeros(HUGE // 8))
    parquet.write_table(
        pyarrow.table({"a": values}), path, 2**30, compression="zstd", use_dictionary=False, data_page_size=2**30,
        write_batch_size=2**30, max_rows_per_page=2**30, write_statistics=False, store_schema=False,
    )  # fmt: skip
    content, start = path.read_bytes(), path.stat().st_size - 300  # the directory stands at the end
    size = parquet.ParquetFile(path).metadata.row_group(0).column(0).total_uncompressed_size
    for number in (HUGE // 8, size):
        said = varint(2 * number)
        content = content[:start] + content[start:].replace(said, varint(2 * 9, len(said)))
    path.write_bytes(content)


def varint(number, width=0):
    """Of a width, if one is given: further bytes of zeros are allowed."""
    found = []
    while number > 127 or len(found) + 1 < width:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def long_hole(start):
    """A beginning, and a hole of a gigabyte that takes no room on the disk."""

    def make(path):
        path.write_bytes(start)
        with open(path, "r+b") as file:
            file.truncate(2**30)

    return make


def black_images(path):
    from PIL import Image

    path.mkdir()
    Image.fromarray(np.zeros((8000, 8000), np.uint8)).save(path / "0.png", compress_level=9)


def tensors(path):
    path.mkdir()
    for file in (SMALL.parents[1] / "faults/golden/without_hash").glob("policy.*"):
        (path / file.name).write_bytes(file.read_bytes())
    text = json.dumps({"mean.weights.0": {"dtype": "F32", "shape": [10**9, 10**3], "data_offsets": [0, 4 * 10**12]}}).encode()
    (path / "policy.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(64))


def long_header(path):
    tensors(path)
    (path / "policy.safetensors").write_bytes(struct.pack("<Q", 2**62) + bytes(64))


def compressed_checkpoint(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", bytes(HUGE))


of_policy = FORMATS["exported policy"].read
BOMBS = {
    "npz, deflated zeros": (deflated, of_demonstrations),
    "npz, declared sizes": (declared_members, of_demonstrations),
    "npz, 25,000 members": (many_members, of_demonstrations),
    "npz, a directory of 10^9": (large_directory, of_demonstrations),
    "npz, a declared shape": (declared_shape, of_demonstrations),
    "table npz, deflated zeros": (deflated, of_table),
    "table npz, a declared shape": (declared_shape, of_table),
    "table npy, a declared shape": (lone_array, of_table),
    "tokens npz, deflated zeros": (deflated, of_sequences),
    "checkpoint, deflated": (compressed_checkpoint, of_checkpoint),
    "checkpoint, declared sizes": (declared_members, of_checkpoint),
    "checkpoint, a directory of 10^9": (large_directory, of_checkpoint),
    "HDF5, a declared shape": (unwritten_hdf5, of_demonstrations),
    "HDF5, one piece larger than its array": (one_chunk_hdf5, of_demonstrations),
    "HDF5, pieces of three bytes": (many_pieces_hdf5, of_demonstrations),
    "HDF5, groups in groups": (groups_in_groups_hdf5, of_demonstrations),
    "HDF5, a text of a gigabyte": (long_text_hdf5, of_demonstrations),
    "Arrow, packed zeros": (arrow_data_set(zeros, "zstd"), of_demonstrations),
    "Arrow, rows of nothing": (arrow_data_set(empty_rows), of_demonstrations),
    "Parquet, a constant column": (constant_parquet, of_table),
    "Parquet, a directory that lies": (lying_parquet, of_table),
    "CSV, a hole": (long_hole(b"episode,obs_0,action\n0,1,"), of_demonstrations),
    "table csv, a hole": (long_hole(b"a,b\n1,2\n"), of_table),
    "tokens, a hole": (long_hole(b"1 2 3\n"), of_sequences),
    "JSON, a hole": (long_hole(b"{"), read_json),
    "images, black": (black_images, of_table),
    "safetensors, a declared shape": (tensors, of_policy),
    "safetensors, a declared header": (long_header, of_policy),
}


CARELESS = {
    "npz, deflated zeros": weak.careless_npz,
    "HDF5, one piece larger than its array": weak.careless_hdf5,
    "HDF5, pieces of three bytes": weak.careless_hdf5,
    "Arrow, packed zeros": weak.careless_arrow,
    "Parquet, a constant column": weak.careless_parquet,
    "Parquet, a directory that lies": weak.careless_parquet,
    "JSON, a hole": weak.careless_json,
}
"""How the same bombs are read by those who do not look."""


def measured(path, read):
    """One bomb in a process of its own, begun where the packages are loaded: a line of JSON."""
    from tests.faults.trials import peak
    from triality.errors import TrialityError

    sys.stdout.flush()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    before = peak()
    try:
        read(path)
        told = "read"
    except TrialityError as error:
        told = f"{type(error).__name__}: {error}"
    except BaseException as error:
        told = f"!{type(error).__name__}: {error}"
    print(json.dumps({"bomb": path.name, "told": told[:600], "growth": peak() - before}), flush=True)
    os._exit(0)


def main(folder):
    sound = folder / "sound"
    for source in ("d4rl.hdf5.gz", "imitation/continuous", "lerobot"):  # what the packages themselves take is no growth
        (sound / source[:4]).mkdir(parents=True)
        of_demonstrations(copied(source, "d4rl.hdf5" if source.startswith("d4rl") else "")(sound / source[:4]))
    of_table(FORMATS["table, Parquet"].make(sound))
    for name, (_, read) in BOMBS.items():
        measured(folder / name, read)
    for name, read in CARELESS.items():
        measured(folder / name, read)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
