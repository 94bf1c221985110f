"""Some calls on the Asterisk of Debian experimental, which is newer than the one of sid: 22.11 at last.

It is not always there, and its absence is no fault.
"""

from collections.abc import Iterator

import pytest

from pbx.rig import Rig
from pbx.rootfs import EXPERIMENTAL, Unavailable
from pbx.test_survey_routing import (  # noqa: F401 - these tests run here on the other Asterisk
    _running,
    daemon,
    test_a_dialplan_without_the_survey,
    test_a_transfer_to_a_queue_without_the_survey,
    test_the_shipped_ways_are_no_case,
    test_who_hangs_up_first_is_no_case,
    test_who_is_transferred_to_the_survey_is_no_case,
)

pytestmark = pytest.mark.asterisk


@pytest.fixture(scope="module")
def asterisk() -> Iterator[Rig]:
    try:
        running = Rig(EXPERIMENTAL)
    except Unavailable as reason:
        pytest.skip(f"no Asterisk of Debian experimental: {reason}")
    try:
        running.start()
        yield running
    finally:
        running.stop()


def test_its_version(rig, capsys):
    """Print the version, because Debian experimental changes."""
    settings = rig.driver.action("CoreSettings")
    with capsys.disabled():
        print(f"\nDebian experimental: Asterisk {settings['AsteriskVersion']}")  # noqa: T201
    assert settings["AsteriskVersion"].partition(".")[0].isdecimal()
