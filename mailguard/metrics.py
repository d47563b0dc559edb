"""Prometheus names, in one place (surface: Metrics)."""

import os

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

    Where several processes keep them TOGETHER, counters and histograms add up. Of a gauge counts the latest value where
    it is of the store they share, else the sum, the most or the least, as its name asks.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.received = Counter(
            "mailguard_messages_received", "Mails accepted with a 250", ["listener"], registry=registry
        )
        self.rejected = Counter("mailguard_messages_rejected", "Mails refused", ["code"], registry=registry)
        self.matches = Counter(
            "mailguard_rule_matches", "Rules that matched", ["rule", "action", "mode"], registry=registry
        )
        self.queue = Gauge(
            "mailguard_queue_messages",
            "Deliveries by state",
            ["state"],
            multiprocess_mode="livemostrecent",
            registry=registry,
        )
        self.oldest = Gauge(
            "mailguard_queue_oldest_seconds",
            "Age of the oldest waiting delivery",
            ["state"],
            multiprocess_mode="livemostrecent",
            registry=registry,
        )
        self.lag = Histogram(
            "mailguard_release_lag_seconds", "From due to on the wire", buckets=_LAG, registry=registry
        )
        self.reports = Counter(
            "mailguard_rule_reports", "People who said that a rule was wrong about a mail", ["rule"], registry=registry
        )
        self.holds = Counter(
            "mailguard_holds_resolved",
            "Holds that ended: released, approved, cancelled, or as on_expiry",
            ["outcome"],
            registry=registry,
        )
        self.files = Counter(
            "mailguard_attachments_read",
            "Attached files: read, encrypted or unreadable",
            ["outcome"],
            registry=registry,
        )
        self.reading = Histogram(
            "mailguard_attachments_seconds", "Reading the attached files of a mail", buckets=_LAG, registry=registry
        )
        self.unread = Gauge(
            "mailguard_attachments_waiting",
            "Mails whose attached files wait to be read",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.attempts = Counter("mailguard_delivery_attempts", "Attempts by result", ["result"], registry=registry)
        self.ambiguous = Counter(
            "mailguard_deliveries_ambiguous",
            "Connection lost between the dot and the reply",
            registry=registry,
        )
        self.evaluation = Histogram(
            "mailguard_rule_evaluation_seconds",
            "Facts and rules for one mail",
            buckets=_FAST,
            registry=registry,
        )
        self.answered = Histogram(
            "mailguard_smtp_answer_seconds", "From the final dot to the 250", buckets=_FAST, registry=registry
        )
        self.commit = Histogram(
            "mailguard_storage_commit_seconds", "From put to durable", buckets=_FAST, registry=registry
        )
        self.reserve = Gauge(
            "mailguard_storage_reserve_spent",
            "1 while the room kept for a full disk is used up",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self.paused = Gauge(
            "mailguard_queue_paused",
            "1 while nothing is sent, until queue resume",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self.reload_ok = Gauge(
            "mailguard_rules_last_reload_successful",
            "1 when the last reload was accepted",
            multiprocess_mode="livemin",
            registry=registry,
        )
        self.notices_undelivered = Gauge(
            "mailguard_notices_undelivered",
            "Notices not delivered within five minutes",
            multiprocess_mode="livemostrecent",
            registry=registry,
        )
        self.connections = Gauge(
            "mailguard_smtp_connections", "Open client connections", multiprocess_mode="livesum", registry=registry
        )
        self.auth_failures = Counter("mailguard_auth_failures", "Logins refused", registry=registry)
        self.frozen = Gauge(
            "mailguard_identities_frozen",
            "Identities that sent too much",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self.bypass = Gauge(
            "mailguard_bypass_active",
            "1 while new mail passes unguarded",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self.suspects = Gauge(
            "mailguard_rules_suspected",
            "Rules that suddenly hold so much mail",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self.directory_ok = Gauge(
            "mailguard_directory_last_refresh_successful",
            "1 when the directory's last answer is in use",
            multiprocess_mode="livemin",
            registry=registry,
        )
        self.directory_age = Gauge(
            "mailguard_directory_age_seconds",
            "Since the directory gave the answer that is in use",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self.directory_people = Gauge(
            "mailguard_directory_people",
            "People of the directory",
            multiprocess_mode="livemostrecent",
            registry=registry,
        )
        self.nodes = Gauge(
            "mailguard_nodes", "Processes at work on the store", multiprocess_mode="livemostrecent", registry=registry
        )
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
