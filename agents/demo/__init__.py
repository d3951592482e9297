"""The demo: a whole streampost on this machine, from request topics to SQL. Everything in it listens on loopback."""
