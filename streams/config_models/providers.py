"""providers.toml: which domains and MX hosts belong to a mailbox provider."""

from typing import Annotated

from pydantic import Field

from streams.config_fields import Closed, Domain, Name


class ProviderModel(Closed):
    """One [providers.NAME]: its recipient domains and the suffixes of its MX hosts."""

    domains: Annotated[tuple[Domain, ...], Field(strict=False)] = ()
    mx: Annotated[tuple[Domain, ...], Field(strict=False)] = ()


class ProvidersFile(Closed):
    """providers.toml."""

    providers: dict[Name, ProviderModel] = Field({})
