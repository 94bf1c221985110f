"""The daemon: the only package where calls, surveys, storage, metrics, mails and pages know of each other.

`process.py` is the process, `app.py` the wiring of one PBX in it, `parts.py` makes of the configuration what
is wired. What happens on the PBX comes by `observation.py`, callers by `scripts.py`; `asking.py` and
`calling_back.py` decide who is asked. Every record goes through `writing.py`, where `counting.py` counts it.

The other modules do one thing each beside the calls, at its own time, so that no call waits for a database:
`remembering.py`, `recalling.py`, `following_up.py`, `settling.py` and `nightly.py` on their own,
`knowing.py`, `showing.py` and `wallboard.py` for those who look, `telling.py` for other programs.
"""
