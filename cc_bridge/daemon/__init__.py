"""The daemon: the only package that combines calls, surveys, storage, metrics, mails and web pages.

`main.py` runs the process. `bridge.py` composes the services for one PBX. `service.py` holds the base class
of all services. Services in `services/` answer requests of the PBX, callers, browsers and programs. Jobs in
`jobs/` run periodically in a thread, so that no call waits for a database.

`services/ami_listener.py` receives the events of the PBX. `services/fast_agi.py` receives the FastAGI
requests for callers. Every record passes through `services/record_pipeline.py` to its subscribers and to the
disk.
"""
