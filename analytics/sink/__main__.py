"""`python -m analytics.sink`: Kafka to ClickHouse until SIGTERM or SIGINT."""

import logging
import signal
import sys
import threading

from clickhouse_connect.driver.exceptions import Error
from pydantic import ValidationError

from analytics import clickhouse, settings
from analytics.files import write_whole
from analytics.migrate import MigrationError
from analytics.settings import Settings, UnknownSettingError
from analytics.sink import checks
from analytics.sink.health import HealthServer
from analytics.sink.insert import targets
from analytics.sink.loop import Sink
from analytics.sink.metrics import Metrics
from analytics.sink.ownership import GapError, Ownership

CLICKHOUSE_SECONDS = 30.0
log = logging.getLogger("sink")


def serve(config: Settings, stop: threading.Event) -> None:
    """Check, then work until `stop`. Raises NotReadyError, MigrationError, GapError, and clickhouse-connect's Error."""
    metrics = Metrics()
    port = HealthServer(config.host, config.sink_health_port, metrics).start()
    if config.sink_health_port_file:
        write_whole(config.sink_health_port_file, f"{port}\n")
    client = clickhouse.wait(config, CLICKHOUSE_SECONDS)
    checks.tables(client)
    topics = list(targets(config.topic_prefix, config.schema_ids))
    ownership = Ownership(config, topics)
    checks.topics(ownership.consumer, [*topics, f"{config.topic_prefix}.dead"])
    log.info("sink: %s to ClickHouse %s, health on port %s", ", ".join(topics), client.server_version, port)
    Sink(config, client, ownership, metrics).run(stop)


def main() -> int:
    """Exit code 1 with one line when something is missing or wrong."""
    try:
        config = settings.load()
        logging.basicConfig(
            level=config.log_level.upper(), format="%(asctime)s %(name)s %(levelname)s %(message)s", force=True
        )
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        serve(config, stop)
    except (checks.NotReadyError, GapError, MigrationError, UnknownSettingError, ValidationError, Error) as e:
        print(f"error: {e}", file=sys.stderr)  # noqa: T201 - a command
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
