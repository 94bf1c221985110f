"""Writes the dashboards: in `config/grafana`, with the extra `dev` installed, `python -m dashboards_src`.

Another folder than `dashboards` may be named. The same code gives the same bytes, which a test relies on.
"""

import sys
from pathlib import Path

from dashboards_src import agents, daemon, operations, service, voice
from dashboards_src.layout import text_of

_MODULES = (operations, service, voice, agents, daemon)
_FOLDER = Path(__file__).parents[1] / "dashboards"


def main() -> None:
    """Write one file a dashboard, named like its module."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _FOLDER
    for module in _MODULES:
        name = module.__name__.rpartition(".")[2]
        (folder / f"{name}.json").write_text(text_of(module.board()), encoding="utf-8")


if __name__ == "__main__":
    main()
