"""The daemon: the only package where calls, surveys, storage, metrics, mails and pages know of each other.

`main.py` is the process, `bridge.py` the composition of one PBX in it, `service.py` the base of its services.
Services in `services/` answer: to the PBX, its callers, web pages and programs. Jobs in `jobs/` run
periodically in a thread, so that no call waits for a database.

Events of the PBX come in by `services/ami_listener.py`, callers by `services/fast_agi.py`. Every record goes
through `services/record_pipeline.py` to its subscribers and to the disk.
"""
