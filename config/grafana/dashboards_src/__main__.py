"""Writes the dashboards as JSON files. Run in `config/grafana`: `python -m dashboards_src [FOLDER]`.

It needs the extra `dev`; the default folder is `dashboards`. The same code always gives the same bytes, so
that a test can compare the files.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from dashboards_src import agents, daemon, operations, service, voice
from dashboards_src.dialects import MARIADB
from dashboards_src.layout import text_of

_MODULES = (operations, service, voice, agents, daemon)
_FOLDER = Path(__file__).parents[1] / "dashboards"


def dashboards() -> Mapping[str, str]:
    """Return the JSON text of each dashboard by file name, such as voice.json."""
    boards = {module.__name__.rpartition(".")[2]: module.board() for module in _MODULES}
    boards |= {"agents-mariadb": agents.board(MARIADB)}
    return {f"{name}.json": text_of(board) for name, board in boards.items()}


def main() -> None:
    """Write one file for each dashboard."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _FOLDER
    for name, text in dashboards().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
