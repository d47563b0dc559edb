"""The stories, each as a few mails, what people do, and how it must end. The demo and the flow tests play them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailguard.demo.cast import ANN, ASSISTANT, BOSS, CEO, KIM, LEE, MO, PAT, QUINN, SAM, WARD
from mailguard.demo.past import past
from mailguard.demo.stage import Stage, expect
from mailguard.mail.address import key
from mailguard.records import State

PLAN, MERGER, DATES = "<plan-2027@corp.example>", "<merger@corp.example>", "<dates@slow.example>"  # conversations

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
    """Half a year that was imported and a few mails since, so that mailguard knows who belongs together."""
    await stage.service.store.learn_past(past(stage.service.clock.now()))
    for week in range(1, 4):
        await stage.send(ANN, [LEE, PAT], f"Planning, week {week}", "Numbers as agreed.\n", cc=[BOSS])
        await stage.send(ANN, [KIM], f"Minutes, week {week}", "Dear Kim,\n\nminutes as agreed.\n", cc=[LEE])
    for number in range(3):
        subject, text = ("Re: Dates" if number else "Dates"), "Dear Sam,\n\nwhich dates suit you?\n"
        own = f"<dates-{number}@corp.example>" if number else DATES
        await stage.send(ANN, [SAM], subject, text, headers=_answering(DATES, {"Message-ID": own}, first=not number))
    await stage.send(LEE, [ANN, PAT, BOSS], "Plan 2027", "Comments, please.\n", headers={"Message-ID": PLAN})
    marked = {"Message-ID": MERGER, "Sensitivity": "Company-Confidential"}
    await stage.send(LEE, [ANN, PAT], "Merger talks", "They offer 40 million.\n", headers=marked)
    await stage.time.pass_by(minutes=6)
    for week in range(1, 4):
        await stage.arrival(KIM, f"Minutes, week {week}")
    await stage.arrival(SAM, "Re: Dates")


def _answering(parent: str, others: dict[str, str] | None = None, *, first: bool = False) -> dict[str, str]:
    """Header fields of an answer in this conversation, or of its `first` mail."""
    return (others or {}) if first else {"In-Reply-To": parent, "References": parent, **(others or {})}


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
    why = " ".join(hit.reason for hit in mail.hits if hit.rule == "unexpected-cc-inside")
    expect(BOSS in why, f"who was meant is not said: {why}")
    await stage.press(await stage.link(ANN, subject), "drop", recipient=WARD)
    await stage.press(await stage.link(ANN, subject), "send", confirm=WARD)
    arrived = await stage.arrival(LEE, subject)
    await stage.arrival(PAT, subject)
    expect(WARD not in str(arrived.message["Cc"]), "the dropped address is still in Cc")
    expect(not stage.arrived(WARD, subject), "it went to the client")
    return f"held by {', '.join(hold.rule for hold in mail.holds)}: {why}; {WARD} dropped, the rest sent without it"


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
    answer = _answering(PLAN)
    return {"mail": await stage.send(ANN, [LEE, PAT, BOSS], "Re: Plan 2027", "Fine.\n", cc=[WARD], headers=answer)}


async def _reply_to_all_end(stage: Stage, sent: Sent) -> str:
    mail = await stage.mail(sent["mail"])
    expect(mail.state is State.HELD, f"it is {mail.state}, not held")
    marked = [d for d in mail.deliveries if d.flagged]
    expect([key(d.address) for d in marked] == [WARD], "the outsider is not the one marked")
    expect(not stage.arrived(WARD, "Re: Plan 2027"), "it went out")
    return f"held by {', '.join(h.rule for h in mail.holds)}; marked: {marked[0].address}: {marked[0].flagged}"


async def _in_confidence(stage: Stage) -> Sent:
    text = f"FYI\n\n-----Original Message-----\nFrom: {LEE}\nSubject: Merger talks\n\nThey offer 40 million.\n"
    return {"mail": await stage.send(ANN, [MO], "Fwd: Merger talks", text, headers=_answering(MERGER))}


async def _in_confidence_end(stage: Stage, sent: Sent) -> str:
    mail = await stage.mail(sent["mail"])
    expect(mail.state is State.HELD, f"it is {mail.state}, not held")
    (hold,) = mail.holds
    unnamed = [member for member in (ANN, LEE, PAT) if member not in hold.reason]
    expect(not unnamed, f"the reason does not name {unnamed}: {hold.reason}")
    await stage.press(await stage.link(ANN, "Fwd: Merger talks"), "cancel", confirm=sent["mail"])
    await stage.time.pass_by(minutes=6)
    expect(not stage.arrived(MO, "Fwd: Merger talks"), "it went out of its circle")
    return f"held by {hold.rule}: {hold.reason}; cancelled: it never left"


async def _no_contact(stage: Stage) -> Sent:
    return {"mail": await stage.send(ANN, [QUINN], "Our talk", "Dear Quinn,\n\nshall we talk?\n")}


async def _no_contact_end(stage: Stage, sent: Sent) -> str:
    mail = await stage.mail(sent["mail"])
    expect(mail.state is State.HELD, f"it is {mail.state}, not held")
    (hold,) = mail.holds
    expect(hold.approvers == (LEE,), f"it waits for {hold.approvers}")
    told = await stage.notice(LEE, "Our talk")
    expect("legal hold in the Quinn case" in " ".join(told.split()), "the approver is not told the order's reason")
    await stage.time.pass_by(minutes=6)
    expect(not stage.arrived(QUINN, "Our talk"), "it went out against the order")
    await stage.approve(LEE, "Our talk", QUINN)
    await stage.arrival(QUINN, "Our talk")
    return f"held by {hold.rule}: {hold.reason}; {LEE} approved it with a mailed code: it left"


async def _third_nudge(stage: Stage) -> Sent:
    text = "Dear Sam,\n\nany news?\n"
    return {"mail": await stage.send(ANN, [SAM], "Re: Dates, once more", text, headers=_answering(DATES))}


async def _third_nudge_end(stage: Stage, sent: Sent) -> str:
    subject = "Re: Dates, once more"
    mail = await stage.mail(sent["mail"])
    told = await stage.notice(ANN, subject)
    expect("a call may work better" in " ".join(told.split()), "the notice does not propose a call")
    await stage.time.pass_by(minutes=6)
    expect(not stage.arrived(SAM, subject), "it waited no longer than any mail")
    await stage.time.pass_by(minutes=9.1)
    await stage.arrival(SAM, subject)
    (hit,) = (hit for hit in mail.hits if hit.rule == "third-nudge-told")
    return f"waited 15 minutes ({hit.rule}: {hit.reason}), then left by itself"


STORIES = (
    Story(1, "Five minutes", _five_minutes, _five_minutes_end, "watch the countdown; it leaves by itself"),
    Story(2, "Second thoughts", _second_thoughts, _second_thoughts_end, "open Ann's notice, press Stop, then cancel"),
    Story(3, "The client instead of the boss", _client_for_boss, _client_for_boss_end,
          "in Ann's notice, drop the client"),
    Story(4, "The executive's assistant", _assistant, _assistant_end,
          "stop the CEO's copy in the assistant's notice"),
    Story(5, "Reply to all", _reply_to_all, _reply_to_all_end, "see in Ann's notice who is marked, and why"),
    Story(6, "Passed on in confidence", _in_confidence, _in_confidence_end,
          "see in Ann's notice who was in the circle"),
    Story(7, "Do not contact", _no_contact, _no_contact_end, "approve it in Lee's notice, with a mailed code"),
    Story(8, "Third nudge", _third_nudge, _third_nudge_end, "read Ann's notice, or send it now"),
)  # fmt: skip
