"""Inbound mail -> what came back: bounce, complaint, automatic reply, receipt, unsubscribe. Pure."""

from streams.bounces.inspection import Inspection, Recipient
from streams.bounces.reader import inspect

__all__ = ["Inspection", "Recipient", "inspect"]
