"""Readers as they should not be, one for each property: what the tests hold the library to must fail with them."""

import io
import json
import struct
from pathlib import Path

import numpy as np


def without_checksums(path):
    """The arrays of a stored zip, found as a careless reader finds them: by the directory, without a look at any checksum."""
    content = Path(path).read_bytes()
    found, at = {}, content.find(b"PK\x01\x02")
    while content[at : at + 4] == b"PK\x01\x02":
        size, name_size, extra, comment = struct.unpack_from("<L3x", content, at + 20)[0], *struct.unpack_from("<HHH", content, at + 28)
        (start,) = struct.unpack_from("<L", content, at + 42)
        name = content[at + 46 : at + 46 + name_size]
        begin = start + 30 + sum(struct.unpack_from("<HH", content, start + 26))
        found[name] = content[begin : begin + size]
        at += 46 + name_size + extra + comment
    return found


def of_numpy(path):
    """The library that everyone uses: its errors share no class."""
    with np.load(path, allow_pickle=False) as file:
        return {name: (file[name].dtype.str, file[name].tobytes()) for name in file.files}


def of_raw_array(path):
    array = np.load(io.BytesIO(Path(path).read_bytes()), allow_pickle=False)
    return array.dtype.str, array.shape, array.tobytes()


def of_raw_tensors(folder):
    import safetensors.numpy

    arrays = safetensors.numpy.load((Path(folder) / "policy.safetensors").read_bytes())
    return sorted((name, array.dtype.str, array.shape, array.tobytes()) for name, array in arrays.items())


def that_believes_sizes(path):
    """Makes room for as much as the largest number says."""
    words = [word[:12] for word in Path(path).read_bytes().split() if word.isdigit()]
    return int(np.ones(min(max(map(int, words), default=0), 2**28), np.uint8).sum())


def careless_npz(path):
    with np.load(path) as file:
        file["observations"]


def careless_hdf5(path):
    import h5py

    with h5py.File(path) as file:
        for name in ("observations", "terminals"):
            file[name][()]


def careless_arrow(path):
    from pyarrow import ipc

    ipc.open_stream(path / "data.arrow").read_all()


def careless_parquet(path):
    from pyarrow import parquet

    parquet.read_table(path)


def careless_json(path):
    with open(path, "rb") as file:
        return json.loads(file.read(2**26))
