"""One tree of errors. Each message says what was expected, what was got, and what to do; the command turns the class into an exit code.

This file imports nothing, so that a wrong command line is refused before anything heavy is loaded.
"""


class TrialityError(Exception):
    """Base of every error that the library raises on purpose."""

    exit_code = 1


class ConfigError(TrialityError):
    """An option, a name or a combination of them is wrong."""

    exit_code = 2


class DataError(TrialityError):
    """A demonstration file, a data set or an array cannot be used as it is."""

    exit_code = 3


class SimulatorError(TrialityError):
    """An environment raised, or returned something that its specification rules out."""

    exit_code = 4


class SimulatorTimeoutError(SimulatorError):
    """An environment took longer than its patience."""


class WorkerDiedError(SimulatorError):
    """A process that hosts environments ended by itself, or was ended."""


class WorkerReplacedError(SimulatorError):
    """A worker failed and another stands in its place: the episodes under way are lost, and can be played again from their reset."""


class NonFiniteError(TrialityError):
    """Training met NaN or infinity and stopped before saving it.

    ``failing`` is the state whose next step gives it again, and ``names`` the leaves that it is in, where they are known.
    """

    exit_code = 5
    failing: object = None
    names: tuple[str, ...] | list[str] = ()


class StorageError(TrialityError):
    """A run folder or a checkpoint cannot be written or read."""

    exit_code = 6


class NoValidCheckpointError(StorageError):
    """There are checkpoints, and none of them can be trusted."""


class RunLockedError(TrialityError):
    """Another process owns the run folder."""

    exit_code = 7


class PeerLostError(TrialityError):
    """A process that computes together with this one has ended, or cannot be reached."""

    exit_code = 8


class StoppedError(TrialityError):
    """The run was asked to stop, and left a checkpoint."""

    exit_code = 75


class InterruptedRunError(StoppedError):
    """The same, by ctrl-C."""

    exit_code = 130


class AlreadyOverError(TrialityError):
    """A run was to go on that has come to its end: what was wanted is there, so that it is no failure."""

    exit_code = 0
