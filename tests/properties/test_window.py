"""The window under crashes: nothing unfinished is committed past, nothing finished is begun again.

The model is what Kafka keeps: a log of requests, a log of events (other partitions' readers see only what the commit's
metadata points at), and one committed offset with metadata. A crash forgets everything else.
"""

from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from streams.window import Begin, Finished, Window, first_event


class Event(NamedTuple):
    """An event of this topic: an outcome of one recipient, or the record of an attempt; or another topic's."""

    offset: int
    part: int
    attempt: bool = False


OTHER = Event(-1, 0)


class Machine(RuleBasedStateMachine):
    """Requests with holes between their offsets and one to three recipients each."""

    @initialize(gaps=st.lists(st.integers(1, 3), min_size=1, max_size=12), start=st.integers(0, 3))
    def setup(self, gaps: list[int], start: int) -> None:
        self.requests = {start + sum(gaps[:i]): 1 + i % 3 for i in range(len(gaps))}
        self.events: list[Event] = []
        self.committed, self.metadata = 0, ""
        self.generation = 0
        self.takeover()

    def takeover(self) -> None:
        """What agents/tail.py and agents/worker.py do on assignment."""
        self.generation += 1
        known: dict[int, Finished] = {}
        for at in range(first_event(self.metadata), len(self.events)):
            event = self.events[at]
            if event.offset >= self.committed:
                mark = known.setdefault(event.offset, Finished({}, {}))
                (mark.attempts if event.attempt else mark.events)[event.part] = at
        self.window = Window(self.generation, self.committed, known, len(self.events))
        self.todo = [offset for offset in sorted(self.requests) if offset >= self.committed]
        self.ahead: set[int] = set()
        self.open: set[tuple[int, int]] = set()

    def outcomes(self) -> set[tuple[int, int]]:
        return {(e.offset, e.part) for e in self.events if e != OTHER and not e.attempt}

    def unfinished(self) -> set[int]:
        done = self.outcomes()
        return {o for o, count in self.requests.items() if any((o, i) not in done for i in range(count))}

    @precondition(lambda self: self.todo)
    @rule()
    def begin(self) -> None:
        offset = self.todo.pop(0)
        begun = self.window.begin(offset)
        assert (begun is None) == (offset in self.ahead)
        assert self.window.begin(offset) is None
        if begun is not None:
            self.work_on(offset, begun)

    @precondition(lambda self: self.todo)
    @rule(data=st.data())
    def begin_ahead(self, data: st.DataObject) -> None:
        """Any that the reader has not come to."""
        offset = data.draw(st.sampled_from(self.todo))
        begun = self.window.begin_ahead(offset)
        assert (begun is None) == (offset in self.ahead)
        assert self.window.begin_ahead(offset) is None
        self.ahead.add(offset)
        if begun is not None:
            self.work_on(offset, begun)

    def work_on(self, offset: int, begun: Begin) -> None:
        assert begun == self.expected(offset)
        left = set(range(self.requests[offset])) - begun.done
        self.window.expect(offset, set(left))
        self.open |= {(offset, index) for index in left}

    def expected(self, offset: int) -> Begin:
        """All that was ever written about it, whatever the metadata says."""
        mine = [e for e in self.events if e.offset == offset]
        done = frozenset(e.part for e in mine if not e.attempt)
        return Begin(done, frozenset(e.part for e in mine if e.attempt))

    @precondition(lambda self: self.open)
    @rule()
    def attempt(self) -> None:
        offset, index = min(self.open)
        self.events.append(Event(offset, index, attempt=True))
        self.window.attempted(offset, len(self.events) - 1)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def die_unheard(self, data: st.DataObject) -> None:
        """The event is in Kafka, and the worker dies before it hears of it."""
        self.events.append(Event(*data.draw(st.sampled_from(sorted(self.open)))))
        self.takeover()

    @precondition(lambda self: self.open)
    @rule(data=st.data(), commit=st.booleans())
    def finish(self, data: st.DataObject, commit: bool) -> None:
        """The event is in Kafka and confirmed; often a commit follows."""
        key = data.draw(st.sampled_from(sorted(self.open)))
        self.events.append(Event(*key))
        self.open.discard(key)
        whole = self.window.finish(key[0], len(self.events) - 1, key[1])
        assert whole == all(offset != key[0] for offset, _ in self.open)
        if commit:
            self.commit(refused=False)

    @rule()
    def other(self) -> None:
        self.events.append(OTHER)

    @rule(refused=st.booleans())
    def commit(self, refused: bool) -> None:
        offset, metadata = self.window.commit()
        if refused:
            self.window.dirty = True
        else:
            self.committed, self.metadata = offset, metadata

    @rule()
    def crash(self) -> None:
        self.takeover()
        for _ in range(min(3, len(self.todo))):
            self.begin()

    @invariant()
    def nothing_unfinished_is_committed_past(self) -> None:
        assert not any(offset < self.committed for offset in self.unfinished())

    @invariant()
    def the_base_is_the_oldest_open_record(self) -> None:
        offsets = {offset for offset, _ in self.open}
        assert self.window.unfinished == len(offsets)
        assert self.window.base == min({*offsets, self.window.next})


Machine.TestCase.settings = settings(max_examples=200, stateful_step_count=40)
TestWindow = Machine.TestCase
