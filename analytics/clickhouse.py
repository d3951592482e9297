"""The one way to a ClickHouse client: settings in, clickhouse-connect client out."""

import logging
import time
from collections.abc import Callable
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from analytics.settings import Settings, endpoint

# each refused connection is a traceback and two warnings there; the caller gets the error, and says it in one line
for _name in ("clickhouse_connect", "urllib3.connectionpool"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

MINIMUM_SERVER = (26, 1)
"""Since then inserts of one token are dropped in dependent views too, whatever the way (clickhouse.md 2.4)."""
_get_client: Callable[..., Any] = clickhouse_connect.get_client


def connect(settings: Settings, database: str | None = None) -> Client:
    """A client of the configured database, or of `database`. Raises OperationalError or DatabaseError."""
    where = endpoint(settings.clickhouse_url)
    client: Client = _get_client(
        host=where.host,
        port=where.port,
        username=where.user,
        password=settings.clickhouse_password,
        secure=where.secure,
        database=where.database if database is None else database,
        autogenerate_session_id=False,  # a session would make parallel statements of one client wait for each other
        send_receive_timeout=settings.clickhouse_timeout,
        connect_timeout=5,
        query_retries=0,  # the caller decides what may be repeated
        tz_mode="aware",
        query_limit=0,
    )
    return client


def wait(settings: Settings, seconds: float, database: str | None = None) -> Client:
    """A client, waiting for a server that is still starting. Raises what connect() raises after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        try:
            return connect(settings, database)
        except (OperationalError, DatabaseError):
            if time.monotonic() >= end:
                raise
            time.sleep(0.2)


def server_version(client: Client) -> tuple[int, int]:
    """Year and month of the server's version."""
    major, minor = str(client.server_version).split(".")[:2]
    return int(major), int(minor)
