"""The change of a wallboard: queues and agents by name, without what a reader computes itself."""

from cc_bridge.web.wallboard_changes import change


def board(at=10.0, queues=("sales", "tech"), agents=("Ali",), **fields):
    return {
        "at": at,
        "total": {"waiting": 1, "longest_wait_since": 5.0, "longest_wait_seconds": at - 5},
        "queues": [
            {"queue": queue, "waiting": 0, "longest_wait_seconds": at, "longest_whole_wait_seconds": at}
            for queue in queues
        ],
        "agents": [{"name": name, "state": "paused", "since": 1.0, "seconds": at - 1} for name in agents],
        **fields,
    }


def test_time_alone_changes_only_the_instant():
    assert change(board(10.0), board(11.0)) == {"at": 11.0}


def test_a_changed_queue_has_only_what_changed():
    after = board(11.0)
    after["queues"][1]["waiting"] = 3
    after["total"]["waiting"] = 3
    assert change(board(), after) == {"at": 11.0, "total": {"waiting": 3}, "queues": {"tech": {"waiting": 3}}}


def test_agents_come_and_go_by_name():
    after = board(agents=("Nika",))
    assert change(board(), after)["agents"] == {
        "Ali": None,
        "Nika": {"name": "Nika", "state": "paused", "since": 1.0},
    }
    assert change(board(), board() | {"agents": None}) == {"at": 10.0, "agents": None}


def test_other_queues_or_another_order_need_a_whole_board():
    assert change(board(), board(queues=("sales",))) is None
    assert change(board(), board(queues=("tech", "sales"))) is None
