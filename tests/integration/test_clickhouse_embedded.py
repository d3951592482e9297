"""The embedded ClickHouse: the unmodified client, curl-like requests, one owner per folder, restarts."""

import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.chaos.sink_parts import Process, clickhouse_process

pytestmark = pytest.mark.clickhouse


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, int, Path]]:
    """One process for the module; every test has its own database or tables."""
    folder = tmp_path_factory.mktemp("clickhouse")
    with clickhouse_process(folder) as (process, port):
        yield process, port, folder


@pytest.fixture
def client(engine: tuple[Process, int, Path]) -> Any:
    return connect(engine[1])


def connect(port: int, **more: Any) -> Any:
    return clickhouse_connect.get_client(host="127.0.0.1", port=port, **more)


def http(port: int, path: str, body: bytes | None = None, method: str | None = None) -> tuple[int, bytes, Any]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as e:
        return e.code, e.read(), e.headers


@pytest.fixture
def table(client: Any) -> str:
    name = f"t_{uuid.uuid4().hex[:8]}"
    client.command(
        f"CREATE TABLE {name} (a UInt64, s String, m Map(String, String)) ENGINE = MergeTree ORDER BY a "
        "SETTINGS non_replicated_deduplication_window = 100"
    )
    return name


def test_client_inserts_and_reads_back(client: Any, table: str) -> None:
    rows = [[1, "it's\n\\", {}], [2, "ü\x00", {"k": "v"}]]
    client.insert(table, rows, column_names=["a", "s", "m"])
    assert [list(r) for r in client.query(f"SELECT * FROM {table} ORDER BY a").result_rows] == rows


@pytest.mark.parametrize("value", ["it's", "a\\nb", "tab\tnew\nline", "ü", "{x:String}", ""])
def test_parameters_are_values_and_never_sql(client: Any, value: str) -> None:
    assert client.query("SELECT {x:String}", parameters={"x": value}).result_rows == [(value,)]


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_compressed_inserts(engine: tuple[Process, int, Path], table: str, compress: Any) -> None:
    client = connect(engine[1], compress=compress)
    client.insert(table, [[i, "x" * 50, {}] for i in range(2000)], column_names=["a", "s", "m"])
    assert client.command(f"SELECT count() FROM {table}") == 2000


def test_a_token_is_inserted_once(client: Any, table: str) -> None:
    for _ in range(3):
        settings = {"async_insert": 0, "insert_deduplicate": 1, "insert_deduplication_token": "t/0/0-2"}
        client.raw_insert(table, ["a", "s"], b'{"a":1,"s":"x"}\n{"a":2,"s":"y"}', fmt="JSONEachRow", settings=settings)
    assert client.command(f"SELECT count() FROM {table}") == 2


def test_settings_last_for_one_request(client: Any) -> None:
    read = "SELECT toString(getSetting('max_block_size'))"
    first = client.query(read).result_rows
    assert client.query(read, settings={"max_block_size": 12345}).result_rows == [("12345",)]
    assert client.query(read).result_rows == first


def test_a_session_keeps_its_temporary_table(engine: tuple[Process, int, Path]) -> None:
    with_session = connect(engine[1], session_id="s1")
    with_session.command("CREATE TEMPORARY TABLE mine (a Int8)")
    assert with_session.command("SELECT count() FROM mine") == 0
    with pytest.raises(DatabaseError, match="mine"):
        connect(engine[1], session_id="s2").command("SELECT count() FROM mine")


@pytest.mark.parametrize(
    ("sql", "code"), [("SELECT * FROM nowhere", 60), ("SELEC 1", 62), ("SELECT toUInt8('x')", 6), ("USE nowhere", 81)]
)
def test_errors_carry_clickhouses_code(client: Any, sql: str, code: int) -> None:
    with pytest.raises(DatabaseError, match=f"[Cc]ode: {code}"):
        client.command(sql)


def test_eight_clients_at_once(engine: tuple[Process, int, Path], table: str) -> None:
    def work(number: int) -> int:
        client = connect(engine[1])
        for i in range(10):
            client.insert(table, [[number * 100 + i, "x", {}]], column_names=["a", "s", "m"])
        return int(client.command(f"SELECT countIf(intDiv(a, 100) = {number}) FROM {table}"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [10] * 8


def test_plain_http(engine: tuple[Process, int, Path], table: str) -> None:
    port = engine[1]
    assert http(port, "/ping")[:2] == (200, b"Ok.\n")
    insert = urllib.parse.quote(f"INSERT INTO {table} (a) FORMAT CSV")
    assert http(port, f"/?query={insert}", b"7\n8\n")[0] == 200
    status, body, headers = http(port, f"/?query=SELECT+a+FROM+{table}+ORDER+BY+a+FORMAT+JSONEachRow")
    assert (status, headers["X-ClickHouse-Format"]) == (200, "JSONEachRow")
    assert body == b'{"a":7}\n{"a":8}\n'
    assert http(port, "/", b"SELECT 1")[1] == b"1\n"
    assert http(port, "/", b"SELECT \xff")[0] == 400, "SQL is UTF-8"
    assert http(port, "/?max_threads;=1", b"SELECT 1")[2]["X-ClickHouse-Exception-Code"] == "115"


@pytest.mark.parametrize(
    "statement", ["DROP+TABLE+t", "INSERT+INTO+t+VALUES+(1)", "CREATE+TABLE+x+(a+Int8)+ENGINE=Memory"]
)
def test_get_changes_nothing(engine: tuple[Process, int, Path], statement: str) -> None:
    """A page in the user's browser can make GET requests to loopback."""
    status, body, headers = http(engine[1], f"/?query={statement}")
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (403, "164"), body


def test_second_process_is_refused_by_name(engine: tuple[Process, int, Path]) -> None:
    process, _, folder = engine
    assert process.running
    command = [sys.executable, "-m", "analytics.embedded", "--path", str(folder / "data"), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"another process holds {folder / 'data'} (process {process.running.pid})" in done.stderr


def test_password(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("s3cret\n")
    with clickhouse_process(tmp_path / "ch", "--password-file", str(secret)) as (_, port):
        assert connect(port, username="default", password="s3cret").command("SELECT 1") == 1
        with pytest.raises(DatabaseError, match="516"):
            connect(port, username="default", password="wrong")
        assert http(port, "/", b"SELECT 1")[0] == 403
        assert http(port, "/ping")[0] == 200


def test_rows_survive_sigkill_and_sigterm(tmp_path: Path) -> None:
    with clickhouse_process(tmp_path) as (process, port):
        connect(port).command("CREATE TABLE kept (a UInt64) ENGINE = MergeTree ORDER BY a")
        for number, end in enumerate((process.kill, process.stop)):
            connect(port).insert("kept", [[number]], column_names=["a"])
            end()
            process.start()
            assert wait_for(port)("SELECT count() FROM kept") == number + 1


def wait_for(port: int) -> Any:
    end = time.monotonic() + 30
    while True:
        try:
            return connect(port).command
        except clickhouse_connect.driver.exceptions.Error:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
