"""Appends to a journal until it is killed: a program for tests that kill it.

    journal_writer.py FILE

For each number that it reads it forks a child. The child opens the journal and appends batches of rows,
numbered from there. The program prints the child's process ID, then the last number of each batch once the
journal has stored it. Forking saves each child the second of the imports.
"""

import os
import sys
from pathlib import Path

from cc_bridge.storage.pipeline.journal import Journal
from cc_bridge.storage.schema.tables import row_of
from support.records import visit

SIZES = (1, 7, 1, 60, 2, 300)  # rows of each batch


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
