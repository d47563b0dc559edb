"""Prometheus names, in one place (surface: Metrics)."""

import os
from functools import partial

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from mailguard.document.units import HostPort, Section

disable_created_metrics()  # type: ignore[no-untyped-call]

_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_LAG = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0)


class MetricsSettings(Section):
    """Where Prometheus scrapes."""

    bind: HostPort | None = None
    """HOST:PORT of the metrics listener; leave it out for none."""


# The folder in which the processes of one host keep their numbers together (prometheus_client); unset for one alone.
TOGETHER = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """One service's numbers; a registry of its own, so that tests and several services don't mix.

    Where several processes keep them TOGETHER, counters and histograms add up. Of a gauge counts the newest value where
    it is of what they share, else the total, the most or the least, as its name asks.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        counter, histogram = partial(Counter, registry=registry), partial(Histogram, registry=registry)
        newest, total, most, least = (
            partial(Gauge, registry=registry, multiprocess_mode=mode)
            for mode in ("livemostrecent", "livesum", "livemax", "livemin")
        )
        self.received = counter("mailguard_messages_received", "Mails accepted with a 250", ["listener"])
        self.rejected = counter("mailguard_messages_rejected", "Mails refused", ["code"])
        self.matches = counter("mailguard_rule_matches", "Rules that matched", ["rule", "action", "mode"])
        self.queue = newest("mailguard_queue_messages", "Deliveries by state", ["state"])
        self.oldest = newest("mailguard_queue_oldest_seconds", "Age of the oldest waiting delivery", ["state"])
        self.lag = histogram("mailguard_release_lag_seconds", "From due to on the wire", buckets=_LAG)
        self.reports = counter("mailguard_rule_reports", "People who said that a rule was wrong about a mail", ["rule"])
        self.holds = counter(
            "mailguard_holds_resolved", "Holds that ended: released, approved, cancelled, or as on_expiry", ["outcome"]
        )
        self.files = counter("mailguard_attachments_read", "Attached files: read, encrypted or unreadable", ["outcome"])
        self.reading = histogram("mailguard_attachments_seconds", "Reading the attached files of a mail", buckets=_LAG)
        self.unread = total("mailguard_attachments_waiting", "Mails whose attached files wait to be read")
        self.attempts = counter("mailguard_delivery_attempts", "Attempts by result", ["result"])
        self.ambiguous = counter("mailguard_deliveries_ambiguous", "Connection lost between the dot and the reply")
        self.evaluation = histogram("mailguard_rule_evaluation_seconds", "Facts and rules for one mail", buckets=_FAST)
        self.answered = histogram("mailguard_smtp_answer_seconds", "From the final dot to the 250", buckets=_FAST)
        self.commit = histogram("mailguard_storage_commit_seconds", "From put to durable", buckets=_FAST)
        self.reserve = most("mailguard_storage_reserve_spent", "1 while the room kept for a full disk is used up")
        self.paused = most("mailguard_queue_paused", "1 while nothing is sent, until queue resume")
        self.reload_ok = least("mailguard_rules_last_reload_successful", "1 when the last reload was accepted")
        self.notices_undelivered = newest("mailguard_notices_undelivered", "Notices not delivered within five minutes")
        self.journals_undelivered = newest(
            "mailguard_journals_undelivered", "Copies an archive was not told of within five minutes"
        )
        self.connections = total("mailguard_smtp_connections", "Open client connections")
        self.auth_failures = counter("mailguard_auth_failures", "Logins refused")
        self.locked_out = counter(
            "mailguard_connector_refused",
            "Mails that a connector's lock refused: tls, tenant, secret, sender",
            ["reason"],
        )
        self.loops = counter("mailguard_loops_refused", "Mails refused because they went round in a loop")
        self.frozen = most("mailguard_identities_frozen", "Identities that sent too much")
        self.bypass = most("mailguard_bypass_active", "1 while new mail passes unguarded")
        self.suspects = most("mailguard_rules_suspected", "Rules that suddenly hold so much mail")
        self.directory_ok = least(
            "mailguard_directory_last_refresh_successful", "1 when the directory's last answer is in use"
        )
        self.directory_age = most(
            "mailguard_directory_age_seconds", "Since the directory gave the answer that is in use"
        )
        self.directory_people = newest("mailguard_directory_people", "People of the directory")
        self.nodes = newest("mailguard_nodes", "Processes at work on the store")
        self.reload_ok.set(1)
        self.directory_ok.set(1)

    def lags(self) -> list[tuple[str, int]]:
        """(seconds, copies that left within so many of their time, and not within fewer), since the start."""
        found = self._all().collect()
        samples = [s for one in found for s in one.samples if s.name == "mailguard_release_lag_seconds_bucket"]
        totals = [(sample.labels["le"], int(sample.value)) for sample in samples]
        return [
            (upper, total - before) for (upper, total), (_, before) in zip(totals, [("", 0), *totals], strict=False)
        ]

    def render(self) -> bytes:
        """The text exposition format."""
        return generate_latest(self._all())

    def _all(self) -> CollectorRegistry:
        """With the numbers of the processes beside us."""
        if TOGETHER not in os.environ:
            return self.registry
        everybodys = CollectorRegistry()
        MultiProcessCollector(everybodys)  # type: ignore[no-untyped-call]
        return everybodys
