"""A stand-in for FreePBX's core-fastagi: a FastAGI server of another program, beside ours.

It answers FreePBX's scripts as far as the rig's dialplan needs them, and complains of any other script,
as a server does that is called by mistake. `CoreFastAgi` serves in a thread. `CoreFastAgiProcess` is a
process of its own, which /proc shows as FreePBX's.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

__all__ = ["FREEPBX_PORT", "CoreFastAgi", "CoreFastAgiProcess"]

SCRIPTS = {"dialparties.agi", "queue_devstate.agi", "recordings.agi", "user_login_out.agi"}
FREEPBX_PORT = 4573


class _Handler(StreamRequestHandler):
    server: "CoreFastAgi"

    def handle(self) -> None:
        lines = iter(self.rfile.readline, b"\n")
        head = dict(line.decode().rstrip("\n").split(": ", 1) for line in lines if b": " in line)
        script = head.get("agi_network_script", "")
        if script not in SCRIPTS:
            self.server.complain(script)
            self._do(f'VERBOSE "core-fastagi: no script {script}" 1')
            return
        self.server.serve(script)
        if script == "dialparties.agi":  # the phones that macro-dial rings
            self._do(f'SET VARIABLE ds "{head["agi_arg_2"]},{head["agi_arg_1"]},HhTtr"')

    def _do(self, command: str) -> None:
        self.wfile.write(f"{command}\n".encode())
        self.rfile.readline()


class CoreFastAgi(ThreadingTCPServer):
    """Serves until `stop`; `served` and `complaints` are the scripts that were asked for."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0) -> None:
        self.served: list[str] = []
        self.complaints: list[str] = []
        super().__init__(("127.0.0.1", port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def serve(self, script: str) -> None:
        self.served.append(script)

    def complain(self, script: str) -> None:
        self.complaints.append(script)

    def forget(self) -> None:
        self.served.clear()
        self.complaints.clear()

    @property
    def port(self) -> int:
        address: Any = self.server_address
        return int(address[1])

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Printing(CoreFastAgi):
    """Prints each script that is asked for: one line, `served` or `complaint` and the name."""

    def serve(self, script: str) -> None:
        print("served", script, flush=True)  # noqa: T201 - for the process that reads this one's output

    def complain(self, script: str) -> None:
        print("complaint", script, flush=True)  # noqa: T201


class CoreFastAgiProcess:
    """The same server as a process that looks like FreePBX's, on FreePBX's port."""

    port = FREEPBX_PORT

    def __init__(self, folder: Path) -> None:
        """Start it; `folder` is for its script and its output."""
        script = folder / "modules" / "core" / "node" / "fastagi-server.js"
        script.parent.mkdir(parents=True)
        script.write_text(f"import runpy\nrunpy.run_path({str(Path(__file__))!r}, run_name='__main__')\n")
        self._script, self._log = script, folder / "core-fastagi.log"
        self._forgotten = 0
        self.start()

    def start(self) -> None:
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                ["node", self._script],
                executable=os.path.realpath(sys.executable),
                env=os.environ | {"PYTHONHOME": sys.base_prefix},
                stdin=subprocess.PIPE,
                stdout=log,
            )

    @property
    def served(self) -> list[str]:
        return self._scripts("served ")

    @property
    def complaints(self) -> list[str]:
        return self._scripts("complaint ")

    def _scripts(self, kind: str) -> list[str]:
        lines = self._log.read_text().splitlines()[self._forgotten :]
        return [line.removeprefix(kind) for line in lines if line.startswith(kind)]

    def forget(self) -> None:
        self._forgotten = len(self._log.read_text().splitlines())

    def stop(self) -> None:
        """End it by the end of its input."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


if __name__ == "__main__":
    running = _Printing(FREEPBX_PORT)
    sys.stdin.read()
    running.stop()
