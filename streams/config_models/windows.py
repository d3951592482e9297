"""Send windows as a tenant's table has them."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from schemas.request import SendWindow
from streams.config_fields import Closed
from streams.send_windows import parse


class SendWindowModel(Closed):
    """A send window; what a request says itself goes before it."""

    days: Annotated[tuple[str, ...], Field(strict=False)] = ()
    opens: str = Field("", alias="from")
    closes: str = Field("", alias="to")
    timezone: str = ""

    @model_validator(mode="after")
    def _right(self) -> "SendWindowModel":
        parse(self.value())
        return self

    def value(self) -> SendWindow:
        """As a request has it."""
        return SendWindow(self.days, self.opens, self.closes, self.timezone)


Window = Annotated[SendWindowModel, AfterValidator(SendWindowModel.value)]
"""Read as a SendWindow, as requests have it."""
