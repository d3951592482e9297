"""The engine's own configuration: sized for a laptop, where a server would take what the machine has."""

from pathlib import Path

MIB = 1 << 20
SERVER: dict[str, int] = {
    # caches of a server default to gigabytes; the demo's tables are tens of megabytes
    "mark_cache_size": 32 * MIB,
    "index_mark_cache_size": 8 * MIB,
    "primary_index_cache_size": 16 * MIB,
    "uncompressed_cache_size": 0,
    "index_uncompressed_cache_size": 0,
    "query_condition_cache_size": 8 * MIB,
    "compiled_expression_cache_size": 8 * MIB,
    "mmap_cache_size": 100,
    "background_pool_size": 2,
    "background_merges_mutations_concurrency_ratio": 1,
    "background_schedule_pool_size": 4,
    "background_move_pool_size": 1,
    "background_fetches_pool_size": 1,
    "background_common_pool_size": 2,
    "background_buffer_flush_schedule_pool_size": 1,
    "background_message_broker_schedule_pool_size": 1,
    "background_distributed_schedule_pool_size": 1,
    "max_thread_pool_size": 128,
    "max_thread_pool_free_size": 8,
}
QUERY: dict[str, int] = {
    "max_threads": 2,
    "max_insert_threads": 1,
    "max_memory_usage": 512 * MIB,
    "use_uncompressed_cache": 0,
}
"""Set on every handle before the client's own settings."""


def write(folder: Path, memory_limit: int) -> Path:
    """Write the configuration beside the data and return its path. `memory_limit` in bytes, for all queries."""
    values = {**SERVER, "max_server_memory_usage": memory_limit}
    lines = "".join(f"  <{name}>{value}</{name}>\n" for name, value in values.items())
    path = folder / "streampost-engine.xml"
    path.write_text(f"<clickhouse>\n{lines}</clickhouse>\n", "utf-8")
    return path
