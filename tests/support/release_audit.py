"""Audit of the packages that `requirements.lock` pins, for a release and without a network.

    python tests/support/release_audit.py [ADVISORIES.zip]

prints each package with its licence. With the archive of all advisories for PyPI in the format of OSV, it
also prints each advisory that concerns a pinned version. The exit code is 1 if there is such an advisory, or
if a package is not installed or has a licence that is not among the known ones. The known licences permit the
use beside MIT-licensed code.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from packaging.version import InvalidVersion, Version

__all__ = ["advisories", "concerns", "licence_faults", "licence_of", "pinned"]

_LOCK = Path(__file__).parents[2] / "requirements.lock"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
_OPERATORS = re.compile(r" (?:AND|OR) |[()]")  # of an SPDX expression
_KNOWN = {
    "Apache-2.0", "Apache Software License", "BSD License", "BSD-2-Clause", "BSD-3-Clause", "ISC",
    "LGPL-3.0-only", "MIT", "MIT License", "MIT-0", "MPL-2.0", "PSF-2.0", "ZPL-2.1",
    "Python Software Foundation License / GNU Library or Lesser General Public License (LGPL) / UNLICENSE",
}  # fmt: skip


def pinned(lock: Path = _LOCK) -> dict[str, str]:
    """Return the packages in requirements.lock: name -> version."""
    return dict(_PINNED.findall(lock.read_text()))


def licence_of(about: PackageMetadata) -> str:
    """Return the licence in a package's metadata: the SPDX expression, else the classifier, else the text."""
    classifiers = [each for each in about.get_all("Classifier") or [] if each.startswith("License :: ")]
    named = classifiers[0].rpartition(" :: ")[2] if classifiers else about.get("License")
    return about.get("License-Expression") or named or "no licence"


def licence_faults(packages: Iterable[str]) -> Iterator[str]:
    """Yield a line for each package that is not installed, or whose licence is not known."""
    for name in packages:
        try:
            licence = licence_of(metadata(name))
        except PackageNotFoundError:
            yield f"{name}: not installed"
            continue
        if licence not in _KNOWN and not set(filter(None, _OPERATORS.split(licence))) <= _KNOWN:
            yield f"{name}: {licence}: read this licence, then add it to tests/support/release_audit.py"


def advisories(archive: Path) -> Iterator[Mapping[str, Any]]:
    """Yield each advisory of the archive that was not withdrawn."""
    with ZipFile(archive) as zipped:
        for name in zipped.namelist():
            advisory = json.loads(zipped.read(name))
            if "withdrawn" not in advisory:
                yield advisory


def concerns(advisory: Mapping[str, Any], name: str, version: str) -> bool:
    """Return whether an advisory concerns a version of a package."""
    return any(
        version in affected.get("versions", ())
        or any(
            _contains(each["events"], version)
            for each in affected.get("ranges", ())
            if each["type"] == "ECOSYSTEM"
        )
        for affected in advisory.get("affected", ())
        if _normal(affected.get("package", {}).get("name", "")) == _normal(name)
    )


def _contains(events: Iterable[Mapping[str, str]], version: str) -> bool:
    """Return whether a version is in a range, given as its first, fixed and last affected versions."""
    inside, ours = False, _version(version)
    for bound, kind in sorted((_version(text), kind) for event in events for kind, text in event.items()):
        if kind == "introduced" and ours >= bound:
            inside = True
        elif (kind == "fixed" and ours >= bound) or (kind == "last_affected" and ours > bound):
            inside = False
    return inside


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:  # from before PEP 440, older than all others
        return Version("0")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _main() -> int:
    packages = pinned()
    for name, version in packages.items():
        try:
            sys.stdout.write(f"{name} {version}: {licence_of(metadata(name))}\n")
        except PackageNotFoundError:
            continue
    faults = list(licence_faults(packages))
    for archive in map(Path, sys.argv[1:]):
        for advisory in advisories(archive):
            concerned = [
                f"{name} {version}" for name, version in packages.items() if concerns(advisory, name, version)
            ]
            faults += [f"{each}: {advisory['id']}: {advisory.get('summary', '')}" for each in concerned]
    sys.stderr.write("".join(f"{fault}\n" for fault in faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(_main())
