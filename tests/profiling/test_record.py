"""What is written is read back as the same record, and what is none is refused."""

import json

import pytest

from tests.profiling.instances import bench_record
from triality.errors import StorageError
from triality.profiling.record import BenchRecord, read_bench, write_bench


@pytest.mark.parametrize("record", [bench_record(), bench_record(["a program"]), BenchRecord(bench_record().machine, None, (), (), 1.0)])
def test_round_trip(tmp_path, record):
    path = tmp_path / "bench.json"
    write_bench(path, record)
    assert read_bench(path) == record


def test_damage_and_other_formats_are_refused(tmp_path):
    path = tmp_path / "bench.json"
    write_bench(path, bench_record())
    value = json.loads(path.read_text())
    for changes, words in (({"format": 99}, "format 2"), ({"programs": [{"name": "irl"}]}, "damaged")):
        path.write_text(json.dumps({**value, **changes}))
        with pytest.raises(StorageError, match=words):
            read_bench(path)
