"""The rules of axe-core, a checker of accessibility, for a page in the browser of chromium.py.

The package axe-playwright-python brings axe-core as one file. Nothing else of that package is used.
"""

import json
from importlib.metadata import files

__all__ = ["violations"]

_START = "window.axeResult = null; axe.run({options}).then((result) => {{ window.axeResult = result; }}); 0"
_COLOURS = ["color-contrast", "link-in-text-block"]  # the rules about colours
_FOUND = """
window.axeResult.violations.map((rule) => [
  rule.id,
  rule.nodes.slice(0, 3).map((node) => [node.target.join(" "), (node.failureSummary || "").slice(0, 300)]),
])
"""


def _source():
    (file,) = (each for each in files("axe-playwright-python") if each.name == "axe.min.js")
    return file.read_text()


def violations(page, *, colours=False):
    """Return the rules that the open page violates: the id of each rule, and where the page violates it.

    With `colours`, only the rules about colours are checked, which the colour scheme can change.
    """
    if not page.value("typeof axe === 'object'"):
        page.value(f"{_source()}; 0")
    options = {"resultTypes": ["violations"], **({"runOnly": _COLOURS} if colours else {})}
    page.value(_START.format(options=json.dumps(options)))
    page.wait("window.axeResult !== null")
    return page.value(_FOUND)
