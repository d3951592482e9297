"""The SMTP receiver with personalities: for the demo, tests and benchmarks, on loopback only."""
