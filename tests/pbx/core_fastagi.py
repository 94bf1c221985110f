"""A stand-in for FreePBX's core-fastagi: a FastAGI server of another program, beside ours.

It answers FreePBX's scripts as far as the rig's dialplan needs them, and complains of any other script,
as a server does that is called by mistake.
"""

import threading
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

__all__ = ["CoreFastAgi"]

SCRIPTS = {"dialparties.agi", "queue_devstate.agi", "recordings.agi", "user_login_out.agi"}


class _Handler(StreamRequestHandler):
    server: "CoreFastAgi"

    def handle(self) -> None:
        lines = iter(self.rfile.readline, b"\n")
        head = dict(line.decode().rstrip("\n").split(": ", 1) for line in lines if b": " in line)
        script = head.get("agi_network_script", "")
        if script not in SCRIPTS:
            self.server.complaints.append(script)
            self._do(f'VERBOSE "core-fastagi: no script {script}" 1')
            return
        self.server.served.append(script)
        if script == "dialparties.agi":  # the phones that macro-dial rings
            self._do(f'SET VARIABLE ds "{head["agi_arg_2"]},{head["agi_arg_1"]},HhTtr"')

    def _do(self, command: str) -> None:
        self.wfile.write(f"{command}\n".encode())
        self.rfile.readline()


class CoreFastAgi(ThreadingTCPServer):
    """Serves until `stop`; `served` and `complaints` are the scripts that were asked for."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        self.served: list[str] = []
        self.complaints: list[str] = []
        super().__init__(("127.0.0.1", port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        address: Any = self.server_address
        return int(address[1])

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()
