"""Kafka to ClickHouse, each record exactly once.

Per partition, by its one owner: choose a batch [S, E); commit offset S again with metadata `pending=E`; insert with the
deduplication token topic/partition/S-E; commit E. Whoever takes over reads `pending` and sends the same range under the
same token, which ClickHouse drops where it already has it. The rows are a pure function of the records in [S, E).
"""
