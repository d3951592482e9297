"""The Faust app of a delivery worker: what is set differently from Faust's own choice, and one agent per lane."""

from typing import TYPE_CHECKING, Any

import faust

from agents.faust_credentials import credentials
from agents.safe_consumer import SafeConsumer
from schemas import topics

if TYPE_CHECKING:
    from agents.worker import Worker


def make_app(worker: "Worker") -> Any:
    """The app of one worker: its settings, its consumer and its agents."""
    settings = worker.settings
    app = DeliveryApp(
        f"{settings.group_prefix}-deliver",
        broker=[f"kafka://{server}" for server in settings.kafka.split(",")],
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=True,
        stream_buffer_maxsize=4096,
        broker_session_timeout=10,
        broker_heartbeat_interval=3,
        broker_rebalance_timeout=60,
        broker_max_poll_interval=86400,  # aiokafka would leave the group for good: the watchdog in worker.py is ours
        broker_max_poll_records=1000,  # of one partition in one fetch: all that has come (SafeThread)
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=65536,
        producer_acks=-1,
        value_serializer="raw",
        key_serializer="raw",
        **credentials(settings),
    )
    app.worker = worker
    app.transport.Consumer = type("Consumer", (SafeConsumer,), {"load_windows": staticmethod(worker.load_windows)})
    for lane in settings.lanes:
        _register(app, lane, topics.requests(settings.topic_prefix, lane), worker)
    return app


class DeliveryApp(faust.App):  # type: ignore[misc]
    """Starts and stops its worker inside the event loop."""

    worker: "Worker"

    async def on_first_start(self) -> None:
        await super().on_first_start()
        await self.worker.start()

    async def on_stop(self) -> None:
        await super().on_stop()
        await self.worker.stop()

    def _create_directories(self) -> None:
        """We have no Faust tables: no folder is left in whatever directory the worker was started in."""


def _register(app: Any, lane: str, topic: str, worker: "Worker") -> None:
    """The lane's agent. Faust hands it chunks of records; see SafeConsumer."""

    async def deliver(stream: Any) -> None:
        await worker.delivery.run_lane(lane, stream)

    source = app.topic(topic, key_serializer="raw", value_serializer="raw")
    app.agent(source, name=f"deliver.{lane}", concurrency=1)(deliver)
