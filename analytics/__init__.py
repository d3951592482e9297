"""Events to ClickHouse to answers: sink, embedded engine, migrations, views. Its own process, its own settings."""
