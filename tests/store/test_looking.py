"""Lists, numbers, history."""

from mailguard.records import Action, Hit, Mode, State, Verdict
from mailguard.store.base import Filter, Store
from tests.store.making import ANN, NO, NOW, carry, claim, hold, later, mail


async def ids(store: Store, **what: object) -> list[str]:
    return [found.queue_id for found in await store.find(Filter(**what))]  # type: ignore[arg-type]


async def filled(store: Store) -> None:
    hit = Hit("unexpected-cc", Mode.AUDIT, Action.HOLD, "who is that")
    await store.put(mail("SENT", received_at=later(-50)), NOW)
    await carry(store)
    await store.put(mail("FAILED", to=["Zoe@client.example"]), NOW)
    await carry(store, NOW, NO)
    await store.put(mail("BUSY", sender="bob@corp.example"), NOW)
    await claim(store)
    await store.put(mail("HELD", holds=[hold()]), NOW)
    await store.put(mail("QUEUED", delay=5, verdict=Verdict(Action.DELAY, hits=(hit,))), NOW)
    await store.put(mail("GONE", delay=5), NOW)
    await store.cancel("GONE", by=ANN, now=NOW)


async def test_find_by_each_part_newest_first(store: Store) -> None:
    await filled(store)
    assert await ids(store) == ["GONE", "QUEUED", "HELD", "BUSY", "FAILED", "SENT"]
    assert await ids(store, waiting=True) == ["QUEUED", "HELD"]
    assert await ids(store, sender="BOB@corp.example") == ["BUSY"]
    assert await ids(store, recipient="zoe@client.example") == ["FAILED"]
    assert await ids(store, rule="confidential-outside") == ["HELD"]
    assert await ids(store, rule="unexpected-cc") == ["QUEUED"]
    assert await ids(store, before=later(-10)) == ["SENT"]
    assert await ids(store, sender="ann@corp.example", waiting=True, rule="unexpected-cc") == ["QUEUED"]
    expected = {
        "held": "HELD",
        "queued": "QUEUED",
        "sending": "BUSY",
        "sent": "SENT",
        "failed": "FAILED",
        "cancelled": "GONE",
    }
    for name, queue_id in expected.items():
        assert await ids(store, state=State(name)) == [queue_id]


async def test_a_mails_state_is_its_least_finished_deliverys(store: Store) -> None:
    to = ["a@x.example", "b@x.example"]
    await store.put(mail(to=to, per={"b@x.example": {"due_at": later(5)}}), NOW)
    await carry(store)
    assert await ids(store, state=State.QUEUED) == ["Q1"]
    assert await ids(store, state=State.SENT) == []


async def test_paging_sees_each_mail_once_while_others_come_in(store: Store) -> None:
    for i in range(10):
        await store.put(mail(f"Q{i}"), NOW)
    seen: list[str] = []
    while page := await ids(store, limit=3, after=seen[-1] if seen else ""):
        seen += page
        await store.put(mail(f"NEW{len(seen)}"), NOW)
    assert seen == [f"Q{i}" for i in range(9, -1, -1)]


async def test_counts_agree_with_the_mails(store: Store) -> None:
    assert set((await store.counts(NOW)).deliveries.values()) == {0}
    await filled(store)
    counts = await store.counts(NOW)
    assert set(counts.deliveries.values()) == {1}
    assert set(counts.deliveries) == set(State)
    assert counts.oldest == {State.HELD: NOW, State.QUEUED: NOW, State.SENDING: NOW}


async def test_a_mails_history_is_told_in_order_with_who_did_it(store: Store) -> None:
    await store.put(mail(holds=[hold()]), NOW)
    await store.send_now("Q1", by=ANN, now=later(1))
    await carry(store, later(2))
    events = await store.events("Q1")
    assert [(e.kind, e.at) for e in events] == [
        ("smtp.accepted", NOW),
        ("message.held", NOW),
        ("hold.released", later(1)),
        ("message.sent_now", later(1)),
        ("delivery.sent", later(2)),
    ]
    assert events[2].actor == "ann@corp.example (link)"
    assert events[4].data["address"] == "bob@client.example"


async def test_free_space_is_known(store: Store) -> None:
    free = await store.free_bytes()
    assert free is None or free > 0
