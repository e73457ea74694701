"""Run the README's commands as a newcomer would: every ```bash block, in order, in a fresh clone in a scratch folder.

Blocks of any other kind (```console, ```text, ```python) are not run here; the tests check those.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT_SECONDS = 600
INHERITED_FROM_MAKE = ("VIRTUAL_ENV", "PYTHONPATH", "MAKEFLAGS", "MFLAGS", "MAKELEVEL")


def main() -> int:
    blocks = re.findall(r"^```bash\n(.*?)^```$", (ROOT / "README.md").read_text(), flags=re.MULTILINE | re.DOTALL)
    if not blocks:
        print("expected at least one ```bash block in README.md, found none", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="triality-readme-") as scratch:
        clone = Path(scratch) / "triality"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        environment = {name: value for name, value in os.environ.items() if name not in INHERITED_FROM_MAKE}
        environment["PATH"] = f"{clone / '.venv' / 'bin'}{os.pathsep}{environment['PATH']}"
        for block in blocks:
            print("".join(f"$ {line}\n" for line in block.splitlines()), end="", flush=True)
            began = time.monotonic()
            try:
                command = ["bash", "-euo", "pipefail", "-c", block]
                done = subprocess.run(command, cwd=clone, env=environment, timeout=LIMIT_SECONDS, check=False)
            except subprocess.TimeoutExpired:
                print(f"expected the block above to end within {LIMIT_SECONDS} s, it did not", file=sys.stderr)
                return 1
            print(f"[exit {done.returncode} after {time.monotonic() - began:.0f} s]", flush=True)
            if done.returncode != 0:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
