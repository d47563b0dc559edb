"""What rules can be tried on later: kept beside a mail, read in the order it came, forgotten by the facts' clock."""

from datetime import datetime, timedelta

from mailguard.locale import language, saying
from mailguard.mail.attachments import Attachment
from mailguard.mail.kind import MailKind
from mailguard.records import HoldKind, Kept, Need, Past, Reach, Thread
from mailguard.store.base import Store
from mailguard.store.retention import Retention
from tests.store.making import NOW, carry, hold, later, mail

HOUR = later(60)
WHOLE = Kept(
    to=("kim@client.example",), cc=("bob@corp.example",), written_as=("sales@corp.example",),
    invited=("mo@rival.example",), fields=("from", "to", "x-project"), said={"importance": ("high",)}, refers=True,
    kind=MailKind(reply=True, calendar_method="REQUEST"), calendar_reply=True,
    files=(Attachment("plan.pdf", "application/pdf", 17, inline=False, kinds=frozenset({"pdf"})),),
    asked=(Need.PAST, Need.REACH, Need.THREAD),
    past=Past(3, NOW, {"kim@client.example": 2}, {"kim@client.example": frozenset({"bob@corp.example"})}),
    reach=Reach({"client.example": "it takes no mail"}, frozenset({"corp.example"})),
    thread=Thread(frozenset({"a@x.example"}), unanswered={"a@x.example": 2}), spelt_otherwise=("bob@corp.example",),
    yes={"abcdefgh": ("kim@client.example",)}, no=("ijklmnop", "qrstuvwx"),
)  # fmt: skip


async def found(store: Store, since: datetime = NOW, until: datetime = HOUR) -> list[tuple[str, Kept]]:
    return [(one.queue_id, kept) async for one, kept in store.kept(since, until)]


async def put(store: Store, queue_id: str, minutes: float, kept: Kept | None = WHOLE) -> None:
    await store.put(mail(queue_id, received_at=later(minutes), kept=kept), later(minutes))


async def test_what_was_kept_comes_back_whole(store: Store) -> None:
    await put(store, "Q1", 0)
    await put(store, "Q2", 1, None)
    await put(store, "Q3", 2, Kept())
    assert await found(store) == [("Q1", WHOLE), ("Q3", Kept())]


async def test_reasons_come_back_with_what_they_are_made_of(store: Store) -> None:
    odd = {"kim@client.example": saying("{address} was not on this thread", address="kim@client.example")}
    bad = {"client.example": saying("the domain {domain} does not exist", domain="client.example")}
    await put(store, "Q1", 0, Kept(past=Past(3, NOW, odd=odd), reach=Reach(bad)))
    ((_, kept),) = await found(store)
    assert kept == Kept(past=Past(3, NOW, odd=odd), reach=Reach(bad))
    assert kept.past is not None
    assert kept.reach is not None
    told = [language("de").tell(why) for why in (*(kept.past.odd or {}).values(), *kept.reach.bad.values())]
    assert told[0].endswith("war an diesem Gespräch nicht beteiligt")
    assert told[1] == "die Domäne client.example gibt es nicht"


async def test_a_broken_character_of_a_name_is_no_reason_to_refuse_a_mail(store: Store) -> None:
    await put(store, "Q1", 0, Kept(said={"importance": ("half\ud800",)}))
    assert await found(store) == [("Q1", Kept(said={"importance": ("half?",)}))]


async def test_it_comes_in_the_order_the_mail_came_and_only_of_the_time_asked_for(store: Store) -> None:
    for number in range(450):
        await put(store, f"Q{number}", (number * 7) % 450 / 10, Kept())
    names = [name for name, _ in await found(store, later(5), later(40))]
    assert names == [f"Q{n}" for n in sorted(range(450), key=lambda n: (n * 7) % 450) if 50 <= (n * 7) % 450 < 400]


async def test_a_mail_decided_late_is_kept_with_its_decision(store: Store) -> None:
    await store.put(mail("Q1", holds=[hold("undecided", kind=HoldKind.UNDECIDED)]), NOW)
    assert await found(store) == []
    await store.decide(mail("Q1", kept=WHOLE), later(1))
    assert await found(store) == [("Q1", WHOLE)]


async def test_facts_are_forgotten_by_their_own_clock_and_with_their_mail(store: Store) -> None:
    for minutes in (0, 10, 20):
        await put(store, f"Q{minutes}", minutes)
    await carry(store, later(20))
    day = timedelta(days=1)
    await store.purge(later(15) + 90 * day, Retention(bodies=7 * day, decisions=400 * day, facts=90 * day))
    assert [name for name, _ in await found(store)] == ["Q20"]
    await store.purge(later(30) + 40 * day, Retention(bodies=7 * day, decisions=30 * day, facts=90 * day))
    assert await found(store) == []
