"""The two sides of the quota protocol under a virtual clock: delays, losses, dead workers, new owners. No Kafka."""

import heapq
import itertools
import random
from collections.abc import Callable
from typing import NamedTuple

from schemas.quota import GrantEntry, QuotaDemand
from streams.limits.book import Book
from streams.limits.owner import TAIL_S, Owner
from streams.limits.rate import Limit, Rate

ROUND_S = 0.2
NEWS_S = 0.01
TICK_S = 0.05


class Went(NamedTuple):
    """A message that was let go."""

    at: float
    worker: int
    limits: tuple[Limit, ...]


class World:
    """Workers, one owner at a time, and the log of grants. Everything happens by `at`, in order of time."""

    def __init__(self, workers: int, seed: int = 0, delay_s: float = 0.02, loss: float = 0.0) -> None:
        self.now = 0.0
        self.went: list[Went] = []
        self.late: list[float] = []
        self.rates: dict[str, Rate] = {}
        """What limits are now, where that is not what the message says."""
        self.books: list[Book[tuple[Limit, ...]]] = [Book() for _ in range(workers)]
        self.alive = [True] * workers
        self._chance = random.Random(seed)
        self._delay_s = delay_s
        self._loss = loss
        self._log: list[tuple[float, GrantEntry]] = []
        self._calls: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.owner: Owner | None = Owner(0.0)
        for number in range(workers):
            self._every(ROUND_S, lambda n=number: self._round(n))
        self._every(TICK_S, self._tick)

    def at(self, when: float, call: Callable[[], None]) -> None:
        """Do it then."""
        heapq.heappush(self._calls, (when, next(self._order), call))

    def run(self, until: float) -> None:
        """Let the time pass."""
        while self._calls and self._calls[0][0] <= until:
            self.now, _, call = heapq.heappop(self._calls)
            call()
        self.now = until

    def submit(self, worker: int, limits: tuple[Limit, ...], booked: bool = False) -> None:
        """A message at a worker; one that is late comes back for its slot."""
        if not self.alive[worker]:
            return
        book = self.books[worker]
        limits = tuple(limit._replace(rate=self.rates.get(limit.key, limit.rate)) for limit in limits)
        answer = book.submit(limits, limits, self.now, booked=booked)
        if answer is True:
            self._go(worker, [limits])
        elif answer is not False:
            self._be_late(worker, limits, answer.due)
        if book.news:
            book.news = False
            self.at(self.now + NEWS_S, lambda: self._speak(worker))
        self._plan(worker)

    def load(self, worker: int, limits: tuple[Limit, ...], per_second: float, until: float) -> None:
        """Messages at irregular times from now on."""

        def one() -> None:
            self.submit(worker, limits)
            if self.now < until:
                self.at(self.now + self._chance.expovariate(per_second), one)

        self.at(self.now, one)

    def kill_worker(self, worker: int) -> None:
        """It says nothing any more, and what it holds is gone."""
        self.alive[worker] = False

    def kill_owner(self, gone_s: float) -> None:
        """Nobody grants until another one has taken over."""
        self.owner = None
        self.at(self.now + gone_s, self._take_over)

    def _take_over(self) -> None:
        self.owner = Owner(self.now)
        for written, entry in self._log:
            if written >= self.now - TAIL_S:
                self.owner.restore(entry)
        for worker in range(len(self.books)):
            self._later(lambda n=worker: self._speak(n, everything=True))

    # ---- what happens by itself

    def _every(self, seconds: float, call: Callable[[], None]) -> None:
        def again() -> None:
            call()
            self.at(self.now + seconds, again)

        self.at(self.now + seconds * self._chance.random(), again)

    def _later(self, call: Callable[[], None]) -> None:
        self.at(self.now + self._delay_s * (0.5 + self._chance.random()), call)

    def _round(self, worker: int) -> None:
        if self.alive[worker]:
            for limits, late in self.books[worker].sweep(self.now):
                self._be_late(worker, limits, late.due)
            self._speak(worker)
            self._plan(worker)

    def _speak(self, worker: int, everything: bool = False) -> None:
        if not self.alive[worker]:
            return
        demand = QuotaDemand(f"w{worker}", tuple(self.books[worker].demand(self.now, everything)))
        if self._chance.random() >= self._loss:
            self._later(lambda: self._reach_owner(demand))

    def _reach_owner(self, demand: QuotaDemand) -> None:
        if self.owner is not None:
            self.owner.demand(demand, self.now)
            self._tick()

    def _tick(self) -> None:
        if self.owner is None:
            return
        grants = self.owner.grants(self.now)
        self._log += [(self.now, g) for g in grants]
        for worker in {int(g.worker[1:]) for g in grants}:
            mine = [g for g in grants if g.worker == f"w{worker}"]
            self._later(lambda n=worker, m=mine: self._grant(n, m))

    def _grant(self, worker: int, grants: list[GrantEntry]) -> None:
        if self.alive[worker]:
            self._go(worker, self.books[worker].granted(grants, self.now))
            self._plan(worker)

    def _plan(self, worker: int) -> None:
        due = self.books[worker].due()
        if due is not None:
            self.at(max(due, self.now) + 1e-4, lambda: self._advance(worker))

    def _advance(self, worker: int) -> None:
        if self.alive[worker]:
            found = self.books[worker].advance(self.now)
            self._go(worker, found)
            if found:
                self._plan(worker)

    def _go(self, worker: int, messages: list[tuple[Limit, ...]]) -> None:
        self.went += [Went(self.now, worker, limits) for limits in messages]

    def _be_late(self, worker: int, limits: tuple[Limit, ...], due: float) -> None:
        self.late.append(due)
        self.at(due, lambda: self.submit(worker, limits, booked=True))


def most_above(times: list[float], per_second: float) -> float:
    """Over every period that begins and ends with one of the times: the largest excess over rate times period.

    A limit with that capacity was kept if this is no more than the capacity.
    """
    worst, lowest = 0.0, float("inf")
    for number, at in enumerate(sorted(times)):
        # excess of the period i..j is (j + 1 - rate * t_j) - (i - rate * t_i)
        lowest = min(lowest, number - per_second * at)
        worst = max(worst, number + 1 - per_second * at - lowest)
    return worst
