"""The records of the quota topics."""

import pytest

from schemas.avro_files import current
from schemas.errors import DecodeError
from schemas.quota import DemandEntry, GrantEntry, QuotaDemand, QuotaGrant


def test_demand_and_grant_come_back_as_they_were() -> None:
    demand = QuotaDemand("w", (DemandEntry("tenant/a", 100, 1000, 7, 1, 50, 45, 2, 13),))
    grant = QuotaGrant("o", 17, (GrantEntry("tenant/a", "w", 60, 12), GrantEntry("c", "w", 3, 2, held=True)))
    assert QuotaDemand.from_bytes(demand.to_bytes()) == demand
    assert QuotaGrant.from_bytes(grant.to_bytes()) == grant


def test_bytes_that_are_no_record_are_refused() -> None:
    with pytest.raises(DecodeError):
        QuotaDemand.from_bytes(b"x")
    with pytest.raises(DecodeError):
        QuotaGrant.from_bytes(None)


@pytest.mark.parametrize(("name", "entry"), [("QuotaDemand", DemandEntry), ("QuotaGrant", GrantEntry)])
def test_entries_have_the_fields_of_the_schema(name: str, entry: type[DemandEntry] | type[GrantEntry]) -> None:
    items = next(f["type"]["items"] for f in current(name).json["fields"] if f["name"] == "entries")
    assert tuple(f["name"] for f in items["fields"]) == entry._fields
