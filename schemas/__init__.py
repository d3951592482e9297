"""What crosses a topic: Avro schemas, typed records, the codec, ids and addresses. No I/O, no clock."""
