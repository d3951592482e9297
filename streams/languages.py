"""Accept-Language (RFC 9110 section 12.5.4): which of our languages somebody reads best (RFC 4647 section 3.4)."""

from collections.abc import Collection

_MAX = 1000


def best_language(accept: str, ours: Collection[str], default: str) -> str:
    """The first of the wanted languages, by weight, that is among `ours`; `de-CH` is satisfied by `de`."""
    wanted = []
    for place, item in enumerate(accept[:_MAX].split(",")):
        tag, _, rest = item.partition(";")
        wanted.append((-_weight(rest), place, tag.strip().lower()))
    for weight, _, tag in sorted(wanted):
        if weight == 0:  # q=0: not acceptable
            continue
        parts = tag.split("-")
        for length in range(len(parts), 0, -1):
            if (found := "-".join(parts[:length])) in ours:
                return found
    return default


def _weight(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0
