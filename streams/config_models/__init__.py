"""What each configuration file may hold: closed pydantic models, one module per file."""
