"""`python -m analytics.embedded --path DIR`: serve a chDB folder over HTTP until SIGTERM or SIGINT."""

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from analytics.embedded.config import MIB
from analytics.files import write_whole


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="analytics.embedded", description=__doc__)
    parser.add_argument("--path", type=Path, required=True, help="folder of the data; created when missing")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8123, help="port to listen on, 0 for a free one")
    parser.add_argument("--port-file", type=Path, help="file to write the port to, once it answers")
    parser.add_argument("--user", default="default", help="the one user, when a password file is given")
    parser.add_argument("--password-file", type=Path, help="file with the password; without it none is asked")
    parser.add_argument("--memory", type=int, default=600, help="limit for all queries together, MiB")
    return parser.parse_args(argv)


def serve(options: argparse.Namespace) -> None:
    """Open the folder and answer until told to stop. Raises FolderHeldError."""
    from analytics.embedded.engine import Engine  # noqa: PLC0415 - loads the 555 MB engine, not for --help
    from analytics.embedded.http import Server  # noqa: PLC0415 - as above

    secret = {options.user: options.password_file.read_text("utf-8").strip()} if options.password_file else None
    engine = Engine(options.path, options.memory * MIB)
    try:
        with Server((options.host, options.port), engine, secret) as server:
            stop = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
            port = server.server_address[1]
            logging.getLogger("clickhouse").info("embedded ClickHouse on http://%s:%s", options.host, port)
            if options.port_file:
                write_whole(options.port_file, f"{port}\n")
            stop.wait()
            server.shutdown()
    finally:
        engine.close()


def main(argv: list[str] | None = None) -> int:
    """Exit code 1 with one line when the folder cannot be opened."""
    from analytics.embedded.errors import FolderHeldError  # noqa: PLC0415 - with the engine, above

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        serve(arguments(argv))
    except FolderHeldError as e:
        print(f"error: {e}", file=sys.stderr)  # noqa: T201 - a command
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
