"""All that carries mail out of the house, and word of it to whoever is to be told, put together."""

from collections.abc import Callable

from mailguard.clock import Clock
from mailguard.config import Config
from mailguard.courier.courier import Courier
from mailguard.dkim.signer import Signer
from mailguard.log import Log
from mailguard.metrics import Metrics
from mailguard.people import People
from mailguard.postman import Postman
from mailguard.scheduler.attempt import Attempts
from mailguard.scheduler.journals import Journals
from mailguard.scheduler.loop import Scheduler
from mailguard.scheduler.reports import Reports
from mailguard.sent_copies import SentCopies
from mailguard.stamp import Stamps
from mailguard.store.base import Store
from mailguard.tasks import countdown
from mailguard.webhooks.herald import Herald


class Departures:
    """`people`, `signer` and `stamps` are asked each time: a reload changes them. `broken`: the store is damaged."""

    def __init__(
        self, config: Config, store: Store, clock: Clock, log: Log, metrics: Metrics, *,
        people: Callable[[], People], signer: Callable[[], Signer], stamps: Callable[[], Stamps],
        new_id: Callable[[], str], broken: Callable[[BaseException], None],
    ) -> None:  # fmt: skip
        hostname, sender = config.smtp.hostname, config.notices.sender
        self._people = people
        self.courier = Courier(
            config.next_hop, clock, hostname, log=log, policies_file=config.policies_path,
            nodes=lambda: store.at_work, stamps=stamps,
        )  # fmt: skip
        self.postman = Postman(
            store, self.courier, clock, log, config.notices, url=config.web.url, people=people, hostname=hostname,
            new_id=new_id, wake=self._wake, signer=signer,
        )  # fmt: skip
        self.herald = Herald(store, config.webhooks, clock, log, self._wake)
        self.sent_copies = SentCopies(store, config.sent_folder, self._mailbox, clock, log, signer)
        self.journals = Journals(
            store, self.courier, clock, log, config.archive, sender=sender, hostname=hostname, new_id=new_id,
            destination=self.courier.destination, wake=self._wake, signer=signer,
        )  # fmt: skip
        self.reports = Reports(
            hostname, sender, config.retry, new_id, self.courier.destination, config.organization.owns
        )
        attempts = Attempts(
            store, self.courier, clock, log, metrics, config.retry, self.reports,
            lambda person: people().preference(person).as_sent, signer,
        )  # fmt: skip
        self.scheduler = Scheduler(
            store, attempts, clock, log, metrics, worker=hostname, retention=config.retention.keep,
            post_notices=self._tell, broken=broken,
        )  # fmt: skip

    async def open(self) -> None:
        """Before anything is accepted: what is to be told of, and to whom."""
        await self.herald.start()
        await self.journals.start()

    def finish(self) -> None:
        """Nothing more begins."""
        self.scheduler.finish()

    async def stop(self, drain: float) -> None:
        """The same, and what is on the wire has `drain` seconds, together."""
        left = countdown(drain)
        for one in (self.scheduler, self.postman, self.herald, self.journals):
            await one.stop(left())

    async def _tell(self) -> int:
        """People by mail, other systems by webhook, an archive by journal."""
        return await self.postman.post() + await self.herald.tell() + await self.journals.post()

    def _wake(self) -> None:
        self.scheduler.wake()

    def _mailbox(self, person: str) -> str:
        people = self._people()
        return people.main(person) if person and people.internal(person) else ""
