"""Writes the dashboards: in `config/grafana`, with the extra `dev` installed, `python -m dashboards_src`.

Another folder than `dashboards` may be named. The same code gives the same bytes, which a test relies on.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from dashboards_src import agents, daemon, operations, service, voice
from dashboards_src.layout import text_of

_MODULES = (operations, service, voice, agents, daemon)
_FOLDER = Path(__file__).parents[1] / "dashboards"


def dashboards() -> Mapping[str, str]:
    """Return the text of each file, which is named like the dashboard's module."""
    return {f"{module.__name__.rpartition('.')[2]}.json": text_of(module.board()) for module in _MODULES}


def main() -> None:
    """Write one file a dashboard."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _FOLDER
    for name, text in dashboards().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
