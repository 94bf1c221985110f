"""Gives tests podman, and podman with the image in it, built once."""

import os
from collections.abc import Iterator

import pytest

from containers.podman import Podman
from pbx.rootfs import Unavailable


@pytest.fixture(scope="session")
def engine() -> Iterator[Podman]:
    try:
        found = Podman()
    except Unavailable as reason:
        if "containers" in os.environ.get("CC_BRIDGE_REQUIRE", "").split(","):
            pytest.fail(f"no containers: {reason}")
        pytest.skip(f"no containers: {reason}")
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(scope="session")
def podman(engine: Podman) -> Podman:
    engine.build()
    return engine
