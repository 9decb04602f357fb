"""`python -m tests.bench.memory URL ROWS`: loads a table whose rows are made as they are read; prints the peak."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path as FilePath

from tests.bench.path import Path


def peak_megabytes(url: str, rows: int) -> float:
    """Peak resident memory of a worker process that loads so many rows, in MiB."""
    command = [sys.executable, "-m", "tests.bench.memory", url, str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    path = Path(sys.argv[1], int(sys.argv[2]), keep=False)
    path.create()
    path.run()
    print(_peak_kilobytes() / 1024)


def _peak_kilobytes() -> int:
    """Not getrusage: its figure survives exec, and would be the parent's."""
    status = FilePath("/proc/self/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise RuntimeError("this kernel does not tell the peak memory of a process")
    return int(found[1])


if __name__ == "__main__":
    main()
