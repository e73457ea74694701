"""Arrays of a run of ``triality seq`` that its report shows: plain numbers and text, so that it can be drawn again without the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from triality.cli.density_pictures import reliability
from triality.data.sequences import SequenceData

if TYPE_CHECKING:
    from triality.cli.seq_judgement import Judged

NUM_SEQUENCES, NUM_POINTS, MOST_LETTERS = 12, 2000, 400


def picture_arrays(data: SequenceData, judged: Judged) -> dict[str, np.ndarray]:
    """Sequences of all sides as people read them, the frontier, energies, and the reliability curve."""
    arrays = {"data": _written(data, data.test), "drawn": _written(data, np.asarray(judged.drawn)), "frontier": judged.frontier}
    if judged.log_z is None:
        return arrays
    arrays["picked"] = _written(data, np.asarray(judged.picked))
    arrays["energy_data"], arrays["energy_drawn"] = (np.asarray(each[:NUM_POINTS], float) for each in judged.energies)
    return arrays | reliability(*judged.log_ratios, judged.charged)


def _written(data: SequenceData, rows: np.ndarray) -> np.ndarray:
    return np.array([data.written(row)[:MOST_LETTERS] for row in rows[:NUM_SEQUENCES]])
