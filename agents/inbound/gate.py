"""Who may come in: counts and rates of connections and messages, by peer."""

from collections import Counter

from streams.inbound.peers import Spent, peer_key, spend
from streams.inbound.policy import Limits

FULL = "421 4.3.2 Too many connections, try again later"
PEER_FULL = "421 4.7.0 Too many connections from your address, try again later"
PEER_FAST = "421 4.7.0 You connect too often, try again later"


class Gate:
    """Belongs to the listener's loop. Times are seconds of its clock."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.inside: Counter[str] = Counter()
        self._count = 0
        self._spent: dict[str, Spent] = {}

    @property
    def stressed(self) -> bool:
        """Four fifths of the connections are taken: those who say nothing have to leave sooner."""
        return self._count * 5 >= self.limits.connections * 4

    def enter(self, peer: str, now: float) -> str:
        """Count the connection in and return nothing, or the reply that refuses it."""
        if self._count >= self.limits.connections:
            return FULL
        key = peer_key(peer)
        if self.inside[key] >= self.limits.connections_per_peer:
            return PEER_FULL
        spent = self._spent.get(key, Spent())
        full_at = spend(spent.connections, self.limits.connection_rate, now)
        if full_at is None:
            return PEER_FAST
        self._spent[key] = spent._replace(connections=full_at)
        self.inside[key] += 1
        self._count += 1
        return ""

    def leave(self, peer: str) -> None:
        """Count it out."""
        key = peer_key(peer)
        self.inside[key] -= 1
        self._count -= 1
        if not self.inside[key]:
            del self.inside[key]

    def message(self, peer: str, now: float) -> bool:
        """Whether the peer may begin one more message."""
        key = peer_key(peer)
        spent = self._spent.get(key, Spent())
        full_at = spend(spent.messages, self.limits.message_rate, now)
        if full_at is None:
            return False
        self._spent[key] = spent._replace(messages=full_at)
        return True

    def forget(self, now: float) -> None:
        """Drop peers whose buckets are full again."""
        self._spent = {key: spent for key, spent in self._spent.items() if max(spent) > now}
