"""`python -m agents.receiver`."""

import typer

from agents.receiver.command import receiver

if __name__ == "__main__":
    typer.run(receiver)
