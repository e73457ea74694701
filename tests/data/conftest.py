"""The files of tests/data/formats, unpacked once a session."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

FORMATS = Path(__file__).parent / "formats"


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory):
    root = tmp_path_factory.mktemp("formats") / "formats"
    shutil.copytree(FORMATS, root)
    for path in root.rglob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    return root


@pytest.fixture
def formats(unpacked, tmp_path):
    """A copy to damage."""
    return Path(shutil.copytree(unpacked, tmp_path / "formats"))


@pytest.fixture(scope="session")
def expected():
    """What the writers of those files were given."""
    with np.load(FORMATS / "expected.npz") as file:
        arrays = {name: file[name] for name in file.files}
    arrays["observations"] = np.concatenate([arrays["position"], arrays["velocity"]], axis=1)
    arrays["next_observations"] = np.concatenate([arrays["next_position"], arrays["next_velocity"]], axis=1)
    return arrays
