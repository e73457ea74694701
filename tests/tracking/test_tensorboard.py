"""What TensorBoard itself reads back from the event file."""

import pytest

from triality.tracking.tensorboard import TensorBoardTracker
from triality.tracking.tracker import Tracker

pytest.importorskip("tensorboard", reason="needs the extra track")


@pytest.fixture
def read():
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def read_folder(folder):
        return EventAccumulator(str(folder)).Reload()

    return read_folder


def test_scalars_text_and_results_come_back(tmp_path, read):
    tracker = TensorBoardTracker(tmp_path)
    assert isinstance(tracker, Tracker)
    tracker.begin("first", {"env": "Pendulum-v1", "lr": 3e-4, "names": ["a|b", "c"]})
    for step in (5, 10):
        tracker.log(step, {"seed-0/loss": 1.0 / step, "seed-1/loss": 2.0 / step, "seed-0/power": None})
    tracker.end({"iqm": {"return_mean": -160.0}, "seconds": 9.5})
    found = read(tmp_path)
    assert sorted(found.Tags()["scalars"]) == ["seed-0/loss", "seed-1/loss", "summary/iqm/return_mean", "summary/seconds"]
    assert [(event.step, event.value) for event in found.Scalars("seed-1/loss")] == [(5, pytest.approx(0.4)), (10, pytest.approx(0.2))]
    assert found.Scalars("summary/iqm/return_mean")[0].step == 10
    (text,) = found.Tensors("config/text_summary")
    assert '| env | `"Pendulum-v1"` |' in text.tensor_proto.string_val[0].decode()


def test_it_can_be_read_while_the_run_goes_on(tmp_path, read):
    tracker = TensorBoardTracker(tmp_path)
    tracker.begin("first", {})
    for step in range(3):
        tracker.log(step, {"loss": float(step)})
        assert [event.value for event in read(tmp_path).Scalars("loss")] == [float(each) for each in range(step + 1)]
    tracker.end(None)


def test_seeds_one_after_another_and_a_second_go_both_stay(tmp_path, read):
    for seed in (0, 1):
        tracker = TensorBoardTracker(tmp_path)
        tracker.begin("first", {})
        for step in (1, 2):
            tracker.log(step, {f"seed-{seed}/loss": float(step)})
        tracker.end(None)
    found = read(tmp_path)
    assert [[event.step for event in found.Scalars(f"seed-{seed}/loss")] for seed in (0, 1)] == [[1, 2], [1, 2]]
