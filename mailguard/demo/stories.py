"""The stories, each as a few mails, what people do, and how it must end. The demo and the flow tests play them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailguard.demo.stage import Stage, expect
from mailguard.mail.address import key
from mailguard.records import State

ANN, BOSS, LEE, PAT = "ann@corp.example", "boss@corp.example", "lee@corp.example", "pat@corp.example"
CEO, ASSISTANT = "ceo@corp.example", "assistant@corp.example"
KIM, WARD = "kim@client.example", "ward@client.example"

Sent = dict[str, str]  # what a story sent: a name -> queue id


@dataclass(frozen=True, slots=True)
class Story:
    """`begin` sends its mails; `play` does what people do and returns one line: what was decided and why."""

    number: int
    title: str
    begin: Callable[[Stage], Awaitable[Sent]]
    play: Callable[[Stage, Sent], Awaitable[str]]
    try_it: str  # what a person at the demo can do themselves


async def history(stage: Stage) -> None:
    """A short past, so that mailguard knows who belongs together."""
    for week in range(1, 4):
        await stage.send(ANN, [LEE, PAT], f"Planning, week {week}", "Numbers as agreed.\n", cc=[BOSS])
        await stage.send(ANN, [KIM], f"Minutes, week {week}", "Dear Kim,\n\nminutes as agreed.\n", cc=[LEE])
    await stage.time.pass_by(minutes=6)
    for week in range(1, 4):
        await stage.arrival(KIM, f"Minutes, week {week}")


async def _five_minutes(stage: Stage) -> Sent:
    return {
        "outside": await stage.send(ANN, [KIM], "Quote for ACME", "Dear Kim,\n\nhere is the quote.\n"),
        "inside": await stage.send(ANN, [LEE], "Lunch", "At noon?\n"),
    }


async def _five_minutes_end(stage: Stage, sent: Sent) -> str:
    await stage.arrival(LEE, "Lunch")
    mail = await stage.mail(sent["outside"])
    due = mail.deliveries[0].due_at
    expect(due and not stage.arrived(KIM, "Quote for ACME"), "the mail to the client did not wait")
    await stage.time.pass_by(minutes=5.1)
    await stage.arrival(KIM, "Quote for ACME")
    why = ", ".join(hit.rule for hit in mail.hits)
    return f"to the client: waited until {due:%H:%M:%S} UTC and left by itself ({why}); inside: left at once"


async def _second_thoughts(stage: Stage) -> Sent:
    return {"mail": await stage.send(ANN, [KIM], "Our final price", "Dear Kim,\n\nthe price is 10.\n")}


async def _second_thoughts_end(stage: Stage, sent: Sent) -> str:
    link = await stage.link(ANN, "Our final price")
    await stage.press(link, "stop")
    mail = await stage.mail(sent["mail"])
    expect(mail.state is State.HELD, f"after stop it is {mail.state}, not held")
    await stage.press(link, "cancel", confirm=sent["mail"])
    returned = await stage.world.wait_for(
        lambda caught: caught.is_notice and any(caught.message.iter_attachments()) and ANN in caught.recipients
    )
    (attached,) = returned.message.iter_attachments()
    expect(attached.get_content_type() == "message/rfc822", "the mail did not come back as an attachment")
    await stage.time.pass_by(minutes=6)
    expect(not stage.arrived(KIM, "Our final price"), "a cancelled mail left")
    why = ", ".join(hit.rule for hit in mail.hits)
    return f"waited ({why}), stopped with one press, then cancelled: never left, came back as an attachment"


async def _client_for_boss(stage: Stage) -> Sent:
    subject = "Cost cutting: confidential draft"
    text = "Lee, Pat,\n\nthe draft we spoke of. Two posts go in spring.\n"
    return {"mail": await stage.send(ANN, [LEE, PAT], subject, text, cc=[WARD])}


async def _client_for_boss_end(stage: Stage, sent: Sent) -> str:
    subject = "Cost cutting: confidential draft"
    mail = await stage.mail(sent["mail"])
    expect(mail.state is State.HELD, f"it is {mail.state}, not held")
    flagged = {key(d.address) for d in mail.deliveries if d.flagged}
    expect(flagged == {WARD}, f"marked: {flagged or 'nobody'}")
    await stage.press(await stage.link(ANN, subject), "drop", recipient=WARD)
    await stage.press(await stage.link(ANN, subject), "send", confirm=WARD)
    arrived = await stage.arrival(LEE, subject)
    await stage.arrival(PAT, subject)
    expect(WARD not in str(arrived.message["Cc"]), "the dropped address is still in Cc")
    expect(not stage.arrived(WARD, subject), "it went to the client")
    return f"held by {', '.join(hold.rule for hold in mail.holds)}; {WARD} dropped, the rest sent without it"


async def _assistant(stage: Stage) -> Sent:
    return {"mail": await stage.send(ANN, [CEO], "Board paper", "Cleo,\n\nthe paper for Friday.\n", cc=[LEE])}


async def _assistant_end(stage: Stage, sent: Sent) -> str:
    copy = await stage.arrival(ASSISTANT, "Board paper")
    expect(ASSISTANT in str(copy.message["Cc"]), "the assistant is not in Cc")
    await stage.arrival(LEE, "Board paper")
    await stage.link(ASSISTANT, "Board paper")
    expect(not stage.arrived(CEO, "Board paper"), "the executive's copy did not wait")
    await stage.time.pass_by(minutes=5.1)
    await stage.arrival(CEO, "Board paper")
    why = ", ".join(hit.rule for hit in (await stage.mail(sent["mail"])).hits)
    return f"the assistant had a Cc at once with a link to stop it; the CEO's copy left after the delay ({why})"


async def _reply_to_all(stage: Stage) -> Sent:
    parent = "<plan-2027@corp.example>"
    await stage.send(LEE, [ANN, PAT, BOSS], "Plan 2027", "Comments, please.\n", headers={"Message-ID": parent})
    thread = {"In-Reply-To": parent, "References": parent}
    return {"mail": await stage.send(ANN, [LEE, PAT, BOSS], "Re: Plan 2027", "Fine.\n", cc=[WARD], headers=thread)}


async def _reply_to_all_end(stage: Stage, sent: Sent) -> str:
    mail = await stage.mail(sent["mail"])
    expect(mail.state is State.HELD, f"it is {mail.state}, not held")
    marked = [d for d in mail.deliveries if d.flagged]
    expect([key(d.address) for d in marked] == [WARD], "the outsider is not the one marked")
    expect(not stage.arrived(WARD, "Re: Plan 2027"), "it went out")
    return f"held by {', '.join(h.rule for h in mail.holds)}; marked: {marked[0].address}: {marked[0].flagged}"


STORIES = (
    Story(1, "Five minutes", _five_minutes, _five_minutes_end, "watch the countdown; it leaves by itself"),
    Story(2, "Second thoughts", _second_thoughts, _second_thoughts_end, "open Ann's notice, press Stop, then cancel"),
    Story(3, "The client instead of the boss", _client_for_boss, _client_for_boss_end,
          "in Ann's notice, drop the client"),
    Story(4, "The executive's assistant", _assistant, _assistant_end,
          "stop the CEO's copy in the assistant's notice"),
    Story(5, "Reply to all", _reply_to_all, _reply_to_all_end, "see in Ann's notice who is marked, and why"),
)  # fmt: skip
