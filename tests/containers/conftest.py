"""Fixtures: podman, and podman with the image, which is built once."""

from collections.abc import Iterator

import pytest

from containers.podman import Podman
from pbx.rootfs import Unavailable
from support.parts import missing


@pytest.fixture(scope="session")
def engine() -> Iterator[Podman]:
    try:
        found = Podman()
    except Unavailable as reason:
        missing("containers", reason)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(scope="session")
def podman(engine: Podman) -> Podman:
    engine.build()
    return engine
