"""What the listener for returned mail decides: who is known here, what is answered, what is too much. Pure."""
