"""Writes every page and file that is generated from the code.

    python tests/support/generate.py [--check]

writes the files that are out of date and names them; with --check it writes nothing and exits 1 if any is. It
needs the extra `dev`. A new generated file is one more entry of `generated_files`.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

__all__ = ["COMMAND", "generated_files", "main"]

COMMAND = "python tests/support/generate.py"


def generated_files() -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield each file's path in the repository, and a function that returns its text.

    The order matters: the metrics page names panels of the dashboards, which are read from their files.
    """
    # Tests read COMMAND without Grafana's SDK, which is slow to load and warns.
    sys.path += [str(ROOT / "config" / "grafana"), str(ROOT / "tests")]
    from cc_bridge.commands.metrics import metrics_page  # noqa: PLC0415
    from cc_bridge.kpis import catalogue  # noqa: PLC0415
    from cc_bridge.storage import schema_reference  # noqa: PLC0415
    from dashboards_src.__main__ import dashboards  # noqa: PLC0415
    from support import cli_reference, options_reference  # noqa: PLC0415

    for name, text in dashboards().items():
        yield f"config/grafana/dashboards/{name}", lambda text=text: text
    yield "config/docs/metrics.md", metrics_page
    yield "config/docs/kpis.md", catalogue.page
    yield "config/docs/schema.md", schema_reference.page
    yield "config/docs/cli.md", cli_reference.page
    yield "config/docs/options.md", options_reference.page


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Write or check all files below `root`; return the exit code."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Write every generated page and file.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is out of date")
    check = parser.parse_args(arguments).check
    stale = 0
    for name, make in generated_files():
        path, text = root / name, make()
        if path.is_file() and path.read_bytes() == text.encode():
            continue
        stale += 1
        sys.stdout.write(f"{name} is out of date\n" if check else f"{name} is written\n")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
