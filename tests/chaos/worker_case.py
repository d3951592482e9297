"""The delivery worker killed, stopped, frozen, joined and left, with mail in flight. Each case says what it counted."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agents.broker import running_kafka
from tests.chaos.fleet import Fleet, wait_for
from tests.support.receiver import running_receiver

MESSAGES = 1200
MIXED = [("slow" if i % 40 == 7 else "reader") for i in range(MESSAGES)]
"""One in forty takes two seconds, so that a kill finds fast and slow ones in flight."""


class Counts(dict[str, Any]):
    """What a case returns beside its name."""


@contextmanager
def fleet_of(kafka: str, folder: Path) -> Iterator[Fleet]:
    """A fleet whose receiver answers after 30 ms, as a near one does."""
    with running_receiver(folder / "receiver") as receiver:
        receiver.delay(0.03)
        fleet = Fleet(kafka, folder, receiver)
        try:
            yield fleet
        finally:
            fleet.stop()


def run_worker_cases(kafka: str, out_dir: Path) -> list[dict[str, Any]]:
    """Every case on a broker that is up all the time."""
    return [run_case(kafka, out_dir, name) for name in CASES]


def run_case(kafka: str, out_dir: Path, name: str) -> dict[str, Any]:
    """One case by its name."""
    with fleet_of(kafka, out_dir / name) as fleet:
        counts = CASES[name](fleet)
        fleet.settle()
        return {
            "case": name,
            "sent": len(fleet.sent),
            "lost": fleet.lost(),
            "duplicates": fleet.repeated(),
            **counts,
        }


def sigkill(fleet: Fleet) -> Counts:
    """The only worker dies with its slots full; another one takes over."""
    worker = fleet.start()
    fleet.send(MIXED)
    fleet.receiver.wait_for(300)
    worker.kill()
    worker.wait()
    in_flight = fleet.in_flight()
    return _takeover(fleet, in_flight, fleet.start)


def sigkill_one_of_two(fleet: Fleet) -> Counts:
    """One of two workers dies; the other one takes over its partitions."""
    first, _ = fleet.start(), fleet.start()
    fleet.send(MIXED * 2)
    fleet.receiver.wait_for(300)
    first.kill()
    first.wait()
    killed = time.monotonic()
    in_flight = fleet.in_flight()
    fleet.settle()
    return Counts(in_flight_at_kill=in_flight, takeover_seconds=round(time.monotonic() - killed, 1))


def sigterm(fleet: Fleet) -> Counts:
    """The only worker is asked to stop in full flight: it finishes what it began, and nothing is sent twice."""
    worker = fleet.start()
    fleet.send(MIXED)
    fleet.receiver.wait_for(300)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    return _takeover(fleet, 0, fleet.start)


def join_and_leave(fleet: Fleet) -> Counts:
    """A second worker joins in full flight, and leaves again."""
    fleet.start()
    fleet.send(MIXED * 2)
    fleet.receiver.wait_for(200)
    began = time.monotonic()
    second = fleet.start()
    fleet.receiver.wait_for(500)
    took = time.monotonic() - began
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == 0
    return Counts(in_flight_at_kill=0, takeover_seconds=round(took, 1))


def slow_head(fleet: Fleet) -> Counts:
    """The head of a partition hangs, all behind it is finished, the worker dies: nothing finished is repeated."""
    worker = fleet.start()
    fleet.send(["very-slow"], partition=0)
    fleet.receiver.wait_for(1, "started")
    fleet.send(["reader"] * 400, partition=0)
    fleet.receiver.wait_for(400)
    wait_for(lambda: len(fleet.ended()) >= 400, 30, "everything behind the head has ended", 0.5)
    worker.kill()
    worker.wait()
    in_flight = fleet.in_flight()
    fleet.receiver.override({"pattern": "very-slow-*", "behaviour": "slow"})
    return _takeover(fleet, in_flight, fleet.start)


def frozen(fleet: Fleet) -> Counts:
    """One of two workers freezes beyond its session and wakes: it must not go on with what is not its own any more."""
    first, _ = fleet.start(), fleet.start()
    fleet.send(MIXED * 2)
    fleet.receiver.wait_for(300)
    first.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    in_flight = fleet.in_flight()
    time.sleep(16.5)
    first.send_signal(signal.SIGCONT)
    fleet.settle()
    return Counts(in_flight_at_kill=in_flight, takeover_seconds=round(time.monotonic() - stopped, 1))


def broker_restart(out_dir: Path) -> dict[str, Any]:
    """The broker itself is killed and comes back; the workers live on."""
    folder = out_dir / "worker-broker-restart"
    with running_kafka(folder / "kafka") as broker, fleet_of(broker.bootstrap, folder) as fleet:
        fleet.start()
        fleet.send(MIXED)
        fleet.receiver.wait_for(300)
        broker.kill()
        time.sleep(5)
        before = fleet.receiver.stats()["accepted"]
        broker.restart()
        back = fleet.receiver.wait_for(before + 1, seconds=60) and time.monotonic()
        began = time.monotonic()
        fleet.settle()
        return {
            "case": "worker-broker-restart",
            "sent": len(fleet.sent),
            "lost": fleet.lost(),
            "duplicates": fleet.repeated(),
            "in_flight_at_kill": 0,
            "takeover_seconds": round(max(0.0, back - began), 1),
        }


def _takeover(fleet: Fleet, in_flight: int, start: Callable[[], Any]) -> Counts:
    """Start a successor; seconds until the receiver takes the next message."""
    before = fleet.receiver.stats()["accepted"]
    began = time.monotonic()
    start()
    fleet.receiver.wait_for(before + 1, seconds=60)
    return Counts(in_flight_at_kill=in_flight, takeover_seconds=round(time.monotonic() - began, 1))


def batch_sigkill(fleet: Fleet) -> Counts:
    """The worker dies in the middle of batches: only their unfinished recipients are done again."""
    worker = fleet.start()
    fleet.send_batches(4, 300)
    fleet.receiver.wait_for(400)
    worker.kill()
    worker.wait()
    in_flight = fleet.in_flight()
    return _takeover(fleet, in_flight, fleet.start)


def crowd_sigkill(fleet: Fleet) -> Counts:
    """The worker dies while what stands behind a crowd is sent before its turn."""
    worker = fleet.start()
    overtaking = _behind_a_crowd(fleet)
    worker.kill()
    worker.wait()
    in_flight = fleet.in_flight()
    return Counts(overtaking=overtaking, **_takeover(fleet, in_flight, fleet.start))


def crowd_sigterm(fleet: Fleet) -> Counts:
    """The same, asked to stop: what was begun before its turn is waited for, too."""
    worker = fleet.start()
    overtaking = _behind_a_crowd(fleet)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    return Counts(overtaking=overtaking, **_takeover(fleet, 0, fleet.start))


def crowd_join(fleet: Fleet) -> Counts:
    """A second worker takes partitions over while their crowds are overtaken."""
    fleet.start()
    overtaking = _behind_a_crowd(fleet, partition=0) + _behind_a_crowd(fleet, partition=1)
    began = time.monotonic()
    fleet.start()
    fleet.settle()
    return Counts(overtaking=overtaking, in_flight_at_kill=0, takeover_seconds=round(time.monotonic() - began, 1))


def _behind_a_crowd(fleet: Fleet, partition: int = 0) -> int:
    """Mail to one provider, and other mail behind it; how much of that had come when the crowd had not."""
    crowd = fleet.send(["reader"] * 2500, partition=partition)
    others = set[str]()
    for _ in range(10):
        for domain in ("outlook.test", "yahoo.test", "harbour-books.test", "gmx.test"):
            others |= fleet.send(["slow", *["reader"] * 9], domain, partition)

    def overtaking() -> int:
        return len(others.intersection(fleet.accepted()))

    wait_for(lambda: overtaking() >= 60, 60, "what stands behind the crowd comes")
    assert len(crowd.intersection(fleet.accepted())) < len(crowd) / 2, "it came when the crowd was read past"
    return overtaking()


CASES: dict[str, Callable[[Fleet], Counts]] = {
    "worker-sigkill": sigkill,
    "worker-sigkill-one-of-two": sigkill_one_of_two,
    "worker-sigterm": sigterm,
    "worker-join-and-leave": join_and_leave,
    "worker-slow-head-sigkill": slow_head,
    "worker-frozen": frozen,
    "worker-batch-sigkill": batch_sigkill,
    "worker-crowd-sigkill": crowd_sigkill,
    "worker-crowd-sigterm": crowd_sigterm,
    "worker-crowd-join": crowd_join,
}
