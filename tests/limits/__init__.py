"""`make limits`: limits over several workers on a real Kafka, measured where the messages arrive."""
