"""The part of a sweep's log that is one point's, as that point's own run would have written it. Imports no jax."""

from __future__ import annotations

from triality.runs.folder import RunFolder

POINT = "point"
"""The field of a record that names its point."""


def copy_log(sweep: RunFolder, name: str, folder: RunFolder) -> None:
    """Replace the log in ``folder`` by the records of the point ``name`` in that of the sweep.

    Raises:
        StorageError: the one cannot be read, or the other not written.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> sweep, point = (RunFolder.create(Path(tempfile.mkdtemp()) / name) for name in ("sweep", "a=1"))
        >>> for name in ("a=1", "a=2"):
        ...     sweep.metrics.append({"point": name, "seed": 0, "iteration": 5})
        >>> copy_log(sweep, "a=1", point)
        >>> point.metrics.read()
        [{'seed': 0, 'iteration': 5}]
    """
    mine = (record for record in sweep.metrics.read() if record.get(POINT) == name)
    folder.metrics.replace({field: value for field, value in record.items() if field != POINT} for record in mine)
