"""The daemon loads TLS only when the configuration asks for it: in processes of their own, as it starts."""

import subprocess
import sys

import pytest

LOADED = """
import sys
from cc_bridge.config import AmiConfig, Config
from cc_bridge.daemon.lean import leave_out_tls
config = Config(ami=AmiConfig(host="localhost", tls={tls}))
leave_out_tls(config)
from cc_bridge.daemon.process import reactor
from cc_bridge.daemon.parts import ami_endpoint
ami_endpoint(config.ami, reactor)
print(*(name for name in ("OpenSSL", "cryptography", "alembic") if sys.modules.get(name)))
"""


@pytest.mark.parametrize(("tls", "loaded"), [(False, ""), (True, "OpenSSL cryptography")])
def test_a_daemon_loads_tls_only_for_tls(tls, loaded):
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(tls=tls)], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == (loaded, "")
