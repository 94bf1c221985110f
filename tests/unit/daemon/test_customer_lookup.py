"""Database reads outside the reactor: few at a time, a hanging database, and a daemon with customers."""

import json
import socket
import sqlite3
import threading
from urllib.request import Request, urlopen

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError
from twisted.internet.threads import deferToThread

from cc_bridge.config import Config
from cc_bridge.daemon.bridge import Bridge
from cc_bridge.daemon.service import Context
from cc_bridge.daemon.services.customer_lookup import CustomerLookup
from cc_bridge.errors import ConfigError, StorageError
from cc_bridge.records import CustomerNumber
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.read_pool import DatabaseReadPool
from integration.storage.queries.test_customers import KEY, T, called, rated
from pbx.asterisk import free_port
from support.reactor_loop import result_of, until
from support.survey_caller import write

TOKEN = "a-token-of-the-house"


@pytest.fixture
def engine(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'calls.sqlite'}")
    yield engine
    engine.dispose()


@pytest.fixture
def readers(engine):
    readers = DatabaseReadPool(engine, 2, "test", reactor)
    readers.start()
    yield readers
    readers.stop()


def test_it_reads_in_a_thread_of_its_own(readers):
    thread = result_of(readers.read(lambda _connection: threading.current_thread()))
    assert thread is not threading.current_thread()
    assert thread.daemon
    assert readers.running == 0


def test_what_hangs_is_not_queued_behind(readers):
    """A cancelled read still occupies its thread until the database answers."""
    go = threading.Event()
    hanging = [readers.read(lambda _connection: go.wait(20)) for _ in range(2)]
    for each in hanging:
        each.cancel()
        with pytest.raises(CancelledError):
            result_of(each)
    assert readers.running == 2
    with pytest.raises(StorageError):
        result_of(readers.read(lambda _connection: 1))
    go.set()
    until(lambda: readers.running == 0)
    assert result_of(readers.read(lambda _connection: 1)) == 1


def test_a_reading_that_outlives_the_stop_leaves_no_connection_open(readers):
    go = threading.Event()
    connections = []

    def hang(connection):
        connections.append(connection.connection.dbapi_connection)
        go.wait(20)

    readers.read(hang)
    until(lambda: connections)
    readers.stop()
    go.set()
    until(lambda: readers.running == 0)
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        connections[0].execute("SELECT 1")


def test_a_failed_reading_fails_and_the_next_goes_on(readers):
    with pytest.raises(ZeroDivisionError):
        result_of(readers.read(lambda _connection: 1 / 0))
    assert result_of(readers.read(lambda _connection: 1)) == 1


def test_nothing_is_read_before_the_start_and_after_the_end(engine):
    readers = DatabaseReadPool(engine, 2, "test", reactor)
    with pytest.raises(StorageError):
        result_of(readers.read(lambda _connection: 1))
    readers.stop()
    readers.start()
    readers.stop()
    with pytest.raises(StorageError):
        result_of(readers.read(lambda _connection: 1))


@pytest.fixture
def lookup(engine):
    write(
        engine,
        *called("1", T - 60),
        *rated("1", T, ("agent", "csat", 2)),
        CustomerNumber(KEY, "C-1", "Zahra", T),
    )
    config = Config(
        storage={"url": str(engine.url)},
        callers={"country_code": "98"},
        customers={"shared_numbers": ["02123456789"]},
    )
    until(lambda: True)  # starts the reactor
    context = Context.of(config, reactor)
    lookup = CustomerLookup(context, None, lambda: T + 60, lambda _how: None, None)
    lookup.startService()
    yield lookup
    lookup.stopService()
    context.database.close()


def test_a_caller_is_known_by_the_number_that_the_network_sends(lookup):
    profile = result_of(lookup.profile("09121234567"))
    assert (profile.last_rating, profile.calls) == (2, 1)
    assert result_of(lookup.profile("09121234568")).calls == 0


@pytest.mark.parametrize("number", ["", "unknown", "02123456789"])
def test_of_nobody_in_particular_nothing_is_asked(lookup, number):
    assert lookup.profile(number) is None


def test_a_history_is_read(lookup):
    assert result_of(lookup.timeline([KEY])).customer.customer_id == "C-1"


def test_a_shared_number_that_is_none_is_told_at_the_start(engine):
    config = Config(storage={"url": str(engine.url)}, customers={"shared_numbers": ["the switchboard"]})
    with pytest.raises(ConfigError, match=r"customers\.shared"):
        CustomerLookup(Context.of(config, reactor), None, lambda: T, lambda _how: None, None)


@pytest.fixture
def bridge(tmp_path):
    """Run a whole daemon without a PBX, which stores hashed numbers."""
    config = Config(
        ami={"port": free_port(socket.SOCK_STREAM), "secret": "s"},
        agi={"port": 0},
        http={"port": 0, "token": TOKEN},
        run={"shutdown_timeout_seconds": 0},
        storage={"url": f"sqlite:///{tmp_path / 'bridge.sqlite'}"},
        callers={"country_code": "98", "number_storage": "hashed", "hash_secret": "a secret of the centre"},
    )
    bridge = Bridge(config, reactor)
    until(lambda: True)  # starts the reactor
    bridge.startService()
    yield bridge
    result_of(bridge.stopService(), 30)


def test_what_a_crm_tells_is_on_disk_and_told_again(bridge):
    def ask(number, body=None):
        address = f"http://{bridge.http_address}/api/customers/{number}"
        request = Request(
            address, body, {"Authorization": f"Bearer {TOKEN}"}, method="PUT" if body else "GET"
        )
        with urlopen(request, timeout=20) as page:
            return page.status, page.read()

    told = json.dumps({"customer_id": "C-1", "name": "Zahra"}).encode()
    assert result_of(deferToThread(ask, "0912%20123%204567", told), 30) == (204, b"")
    code, page = result_of(deferToThread(ask, "+989121234567"), 30)
    found = json.loads(page)
    assert (code, found["customer_id"], found["name"]) == (200, "C-1", "")  # no name with a hashed number
