"""An agent's own figures: read in their own threads, only between start and stop of the service."""

import pytest
from twisted.internet import reactor

from cc_bridge.config import Config
from cc_bridge.daemon.service import Context
from cc_bridge.daemon.services.agent_api import AgentApi
from cc_bridge.errors import StorageError
from cc_bridge.storage.migrate import open_database
from support.reactor_loop import result_of, until

NOW = 1_795_309_819.0


@pytest.fixture
def api(tmp_path):
    url = f"sqlite:///{tmp_path / 'calls.sqlite'}"
    open_database(url).dispose()
    until(lambda: True)  # starts the reactor
    context = Context.of(Config(storage={"url": url}), reactor)
    api = AgentApi(context, lambda: NOW)
    api.startService()
    yield api
    api.stopService()
    context.database.close()


def test_figures_are_read(api):
    assert result_of(api.read("Sara", 7, "en"))["agent"] == "Sara"


def test_nothing_is_read_after_the_end(api):
    api.stopService()
    with pytest.raises(StorageError):
        result_of(api.read("Sara", 7, "en"))
