"""Damages files of a format again and again, reads them in a process of its own, and counts what came of it.

    python -m tests.faults.trials '{"formats": ["checkpoint"], "counts": {"flip": 1000}, "seed": 0, "folder": "/tmp/x"}'

The parent is told after every format. The damaged bytes lie in the folder until the next trial, so that a crash can be repeated.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_SECONDS, MOST_GROWTH = 1.0, 200 * 2**20
ADDRESS_SPACE = 16 * 2**30
HANGS_AFTER = 60.0


def run_trials(formats, counts, folder, seed=0, weak=None):
    """One record a format: ``{"format", "kinds": {kind: {"noticed", "harmless", "silent"}}, "violations": [...], ...}``.

    Args:
        formats: names.
        counts: trials by kind of damage.
        folder: an empty one.
        weak: by format, the name of a function of ``tests.faults.weak`` that reads in the library's place.
    """
    plan = {"formats": list(formats), "counts": dict(counts), "seed": seed, "folder": str(folder), "weak": weak or {}}
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.trials", json.dumps(plan)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True,
    )  # fmt: skip
    records = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or len(records) < len(plan["formats"]):
        at = plan["formats"][len(records)] if len(records) < len(plan["formats"]) else "the end"
        raise AssertionError(
            f"the reader of '{at}' ended its process with {done.returncode}; damaged files in {folder}: {done.stderr[-2000:]}"
        )
    return records


def trials(name, counts, seed, folder, read=None):
    """The record of one format, made in this process."""
    import numpy as np

    from tests.faults.damage import KINDS
    from tests.faults.formats import FORMATS, RAW
    from triality.errors import TrialityError

    form = (FORMATS | RAW)[name]
    read = form.read if read is None else read
    folder.mkdir(parents=True)
    path = form.make(folder)
    sound, rng = read(path), np.random.default_rng(seed)
    targets = [sorted(folder.glob(pattern)) for pattern in form.files]
    kinds, violations, slowest, largest = {}, [], 0.0, 0
    for kind, count in counts.items():
        found = kinds[kind] = Counter({"noticed": 0, "harmless": 0, "silent": 0})
        for trial in range(count):
            group = targets[0] if len(targets) == 1 or rng.random() < 0.8 else targets[rng.integers(1, len(targets))]
            target = group[rng.integers(len(group))]
            content = target.read_bytes()
            damaged = KINDS[kind](content, rng)
            target.write_bytes(damaged)
            before, start = peak(), time.process_time()
            signal.setitimer(signal.ITIMER_REAL, HANGS_AFTER)  # without a handler, so that it ends the process inside any library
            try:
                result = "harmless" if read(path) == sound else "silent"
            except TrialityError:
                result = "noticed"
            except BaseException as error:
                result = f"{type(error).__name__}: {error}"[:300]
            signal.setitimer(signal.ITIMER_REAL, 0)
            seconds, growth = time.process_time() - start, peak() - before
            slowest, largest = max(slowest, seconds), max(largest, growth)
            if result in found:
                found[result] += 1
            else:
                violations.append(f"{kind} {trial} of {target.name}: {result}")
            if seconds > MOST_SECONDS or growth > MOST_GROWTH:
                violations.append(f"{kind} {trial} of {target.name}: {result} after {seconds:.1f} s and {growth >> 20} MiB")
            target.write_bytes(content)
    return {"format": name, "kinds": kinds, "violations": violations, "seconds": slowest, "growth": largest}


def peak():
    """Most memory that this process has had, in bytes. What ``getrusage`` says begins with the size of its parent."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def main():
    plan = json.loads(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))  # a reader that takes all memory must not take the machine's
    from tests.faults import weak

    for number, name in enumerate(plan["formats"]):
        read = getattr(weak, plan["weak"][name]) if name in plan["weak"] else None
        print(json.dumps(trials(name, plan["counts"], plan["seed"], Path(plan["folder"]) / str(number), read)), flush=True)


if __name__ == "__main__":
    main()
