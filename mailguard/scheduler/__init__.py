"""Wakes exactly when something is due, claims it, lets the courier carry it, and settles the outcome."""

from mailguard.scheduler.attempt import Attempts
from mailguard.scheduler.journals import Journals
from mailguard.scheduler.loop import Limits, Scheduler
from mailguard.scheduler.reports import Reports

__all__ = ["Attempts", "Journals", "Limits", "Reports", "Scheduler"]
