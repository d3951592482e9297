"""ClickHouse in one process: chDB owns a folder and answers on the ClickHouse HTTP interface, so that every client
(sink, migrations, report, Grafana's driver, curl) works as against a server.

Not there: external data, response compression, real streaming, KILL QUERY, query_log, the native protocol.
"""
