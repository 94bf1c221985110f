"""Appends to a journal until it is killed; a program of its own, for tests that kill it.

    journal_writer.py FILE

For each number that it reads it forks a child, which opens the journal and appends rows that are numbered
from there, some at a time. What it prints: the child's process, then the last number of each batch once the
journal has it. Forking spares each child the second that the imports take.
"""

import os
import sys
from pathlib import Path

from cc_bridge.storage.pipeline.journal import Journal
from cc_bridge.storage.schema.tables import row_of
from support.records import visit

SIZES = (1, 7, 1, 60, 2, 300)  # rows at a time


def append(file: Path, first: int) -> None:
    journal = Journal(file, limit=2**30)
    while True:
        for size in SIZES:
            journal.write([row_of(visit(n)) for n in range(first, first + size)])
            first += size
            os.write(1, b"%d\n" % (first - 1))


def main() -> None:
    file = Path(sys.argv[1])
    for line in sys.stdin:
        child = os.fork()
        if not child:
            append(file, int(line))
        os.write(1, b"%d\n" % child)
        os.waitpid(child, 0)
        os.write(1, b"killed\n")


if __name__ == "__main__":
    main()
