"""What can be wrong with bytes or words that came from outside."""


class DecodeError(ValueError):
    """The record cannot be read; the message says what is wrong and where. Never temporary."""


class AddressError(ValueError):
    """Not an address that mail can be sent to; the message says why. Never temporary."""
