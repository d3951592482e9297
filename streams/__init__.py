"""Decisions: pure functions and values. No sockets, clock, environment or asyncio; facts come as arguments."""
