"""The queues that Asterisk's own file or FreePBX's file names."""

from cc_bridge.setup.pbx_kind import PbxKind
from cc_bridge.setup.queue_names import queue_names

FILES = {
    "/etc/asterisk/queues.conf": b"[general]\n[t](!)\n[sales](t)\n;[old]\n[after sales]\n[sales](+)\n",
    "/etc/asterisk/queues_additional.conf": b"[default]\n[600]\nstrategy=ringall\n[601]\n",
}


def test_templates_comments_and_additions_are_no_queues():
    assert queue_names(PbxKind.ASTERISK, FILES.get) == ["sales", "after sales"]


def test_the_empty_queue_of_freepbx_is_left_out():
    assert queue_names(PbxKind.FREEPBX, FILES.get) == ["600", "601"]


def test_a_machine_without_queues():
    assert queue_names(PbxKind.ASTERISK, {}.get) == []
