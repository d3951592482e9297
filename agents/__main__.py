"""`python -m agents` is `streampost`."""

from agents.cli import main

main()
