"""``python -m triality``: the command where no script is on the path."""

import sys

from triality.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
