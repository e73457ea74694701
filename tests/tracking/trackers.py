"""Trackers that do what a tracker should not, and one that remembers."""

import threading
import time


class Recording:
    """Remembers every call."""

    def __init__(self):
        self.calls = []

    def begin(self, run, config):
        self.calls.append(("begin", run, dict(config)))

    def log(self, step, numbers):
        self.calls.append(("log", step, dict(numbers)))

    def end(self, summary):
        self.calls.append(("end", summary))

    def count(self, method):
        return sum(call[0] == method for call in self.calls)


class Raising(Recording):
    """Raises in one method."""

    def __init__(self, method, error=None):
        super().__init__()
        self.method, self.error = method, RuntimeError("sabotage") if error is None else error

    def begin(self, run, config):
        super().begin(run, config)
        self._maybe("begin")

    def log(self, step, numbers):
        super().log(step, numbers)
        self._maybe("log")

    def end(self, summary):
        super().end(summary)
        self._maybe("end")

    def _maybe(self, method):
        if method == self.method:
            raise self.error


class Hanging(Recording):
    """Never comes back from one method, until it is let go."""

    def __init__(self, method):
        super().__init__()
        self.method, self.gate = method, threading.Event()

    def begin(self, run, config):
        super().begin(run, config)
        self._maybe("begin")

    def log(self, step, numbers):
        super().log(step, numbers)
        self._maybe("log")

    def end(self, summary):
        super().end(summary)
        self._maybe("end")

    def _maybe(self, method):
        if method == self.method:
            self.gate.wait(60)


class Slow(Recording):
    """Takes its time with every record."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def log(self, step, numbers):
        time.sleep(self.seconds)
        super().log(step, numbers)
