"""Clients that send what isn't theirs to send: to anywhere from nowhere, or as somebody else."""

import contextlib
import email
import email.policy
import email.utils
import re
from base64 import b64encode

from tests.torture.door import ELSEWHERE, HEAD, OPEN, SUBMISSION, SUBMISSIONS, door
from tests.torture.fault import Trial, fault

RELAYS = [
    "eve@evil.example", "eve%evil.example@corp.example", "evil.example!eve", "evil.example!eve@corp.example",
    "@corp.example:eve@evil.example", "@corp.example,@mail.corp.example:eve@evil.example", '"eve@evil.example"',
    '"eve@evil.example"@corp.example', '"eve%evil.example"@corp.example', "eve@evil.example@corp.example",
    "eve@[192.0.2.1]", "eve@[127.0.0.1]", "eve@[IPv6:::1]", "eve@evil.example.", "postmaster",
    "postmaster@corp.example", "eve%evil.example@[127.0.0.1]", "eve@localhost", "ev\u0435@corp.example",
    "eve@c\u043erp.example", "eve\uff20evil.example@corp.example",
]  # fmt: skip
FOREIGN = [
    "eve@evil.example", "mailguard@corp.example", "ann%corp.example@evil.example", "ann@corp.example.evil.example",
]  # fmt: skip
SENDERS = [
    "",
    "ann@corp.example",
    "postmaster@corp.example",
    "mailguard@corp.example",
    "eve@evil.example",
    "ann@[127.0.0.1]",
]


@fault(
    "21 relay patterns from 6 senders: no login, no TLS, a foreign network", "refused at MAIL, nothing is relayed",
    short=1, full=2,
)  # fmt: skip
async def relay(trial: Trial) -> None:
    async with door(trial, ELSEWHERE, SUBMISSION, SUBMISSIONS, limits={"errors": 10_000}) as here:
        for at in (0, 1, 2):
            client = await here.client(at, tls=at == 2)
            await client.greet()
            for sender in SENDERS:
                said = await client.say(f"MAIL FROM:<{sender}> SMTPUTF8")
                assert said.startswith(("550 5.7.1 ", "530 5.7.0 ", "501 5.1.3 ")), (sender, said)
                for recipient in RELAYS:
                    assert (await client.say(f"RCPT TO:<{recipient}>")).startswith("503 5.5.1 ")
                assert (await client.say("DATA")).startswith("503 5.5.1 ")
            client.close()
        assert here.intake.mails == []


@fault(
    "the relay patterns from a trusted network", "the mail goes where the envelope says, or is refused", short=1, full=2
)
async def inside(trial: Trial) -> None:
    """A percent or a bang is a letter like others; a route is dropped (RFC 5321 §4.1.1.3)."""
    async with door(trial, OPEN, limits={"errors": 10_000}) as here:
        client = await here.client()
        await client.greet()
        for sender in (
            "eve@evil.example",
            "mailguard@corp.example",
            "ann%corp.example@evil.example",
            "ann@corp.example.evil.example",
        ):
            assert (await client.say(f"MAIL FROM:<{sender}>")).startswith("550 5.7.1 "), sender
        for recipient in RELAYS:
            assert (await client.say("MAIL FROM:<ann@corp.example> SMTPUTF8")).startswith("250 ")
            said = await client.say(f"RCPT TO:<{recipient}>")
            if not said.startswith("250 "):
                assert said.startswith("501 5.1.3 "), (recipient, said)
                await client.say("RSET")
                continue
            assert (await client.data(HEAD)).startswith("250 ")
            ((envelope, raw, _),) = here.intake.mails
            here.intake.mails.clear()
            plain = recipient.rpartition(":")[2] if recipient.startswith("@") else recipient
            expected = "postmaster@corp.example" if plain == "postmaster" else plain
            assert (envelope.addresses, raw) == ((expected,), HEAD)
            trial.accepted += 1
        client.close()


BOSS = "boss@corp.example"
"""Somebody else of ours."""
_B64 = b64encode(BOSS.encode()).decode()
SPOOFS = [
    f"From: {BOSS}", f"From: Ann <{BOSS}>", f"From: ann@corp.example, {BOSS}", f"From: {BOSS}, ann@corp.example",
    f"From: ann@corp.example\r\nFrom: {BOSS}", f"From: {BOSS}\r\nFrom: ann@corp.example",
    f"FROM: {BOSS}\r\nfrom: ann@corp.example", f"From : {BOSS}\r\nFrom: ann@corp.example",
    f"From\t: {BOSS}\r\nFrom: ann@corp.example", f"From: ann@corp.example\r\nFrom :{BOSS}",
    f"From: ann@corp.example\r\nno field\r\nFrom: {BOSS}", f"From: ann@corp.example\r\nS\u00e9nder\r\nFrom: {BOSS}",
    f"no field\r\nFrom: {BOSS}", f" From: {BOSS}\r\nFrom: ann@corp.example", f"From:\r\n {BOSS}",
    f"From: ann@corp.example,\r\n {BOSS}", f"From: ann@corp.example,\r\n\t\r\n {BOSS}", f"From:\r\n\t\r\n {BOSS}",
    f"From: Us: {BOSS};", f"From: Us: ann@corp.example, {BOSS};", f"From: ann@corp.example: {BOSS};",
    f"From: {BOSS}: ann@corp.example;", f"From: Us:;, {BOSS}", f"From: ann@corp.example; {BOSS}",
    f"From: (ann@corp.example) {BOSS}", f"From: {BOSS} (ann@corp.example)", "From: boss@(hi)corp.example",
    "From: boss(hi)@corp.example", "From: boss @ corp.example", "From: boss@corp.\r\n example",
    "From: boss@corp . example", f"From: {BOSS} <ann@corp.example>", f'From: "{BOSS}" <ann@corp.example>',
    f"From: '{BOSS}' <ann@corp.example>", f"From: <{BOSS}> <ann@corp.example>", f"From: <ann@corp.example> <{BOSS}>",
    f"From: <{BOSS}>ann@corp.example", f"From: ann@corp.example <{BOSS}>", f"From: ann@corp.example {BOSS}",
    f"From: {BOSS} ann@corp.example", f"From: =?utf-8?b?{_B64}?= <ann@corp.example>",
    "From: =?utf-8?q?boss=40corp=2Eexample?= <ann@corp.example>", f"From: =?utf-8?b?{_B64}?=",
    "From: =?utf-8?q?boss=40corp=2Eexample?=", f"From: =?x?q?ann@corp.example?= <{BOSS}>",
    "From: =?utf-8?q?=3Cboss=40corp=2Eexample=3E?= <ann@corp.example>",
    "From: =?utf-7?q?boss+AEA-corp.example?= <ann@corp.example>",
    "From: =?utf-8?q?boss?= =?utf-8?q?=40corp=2Eexample?= <ann@corp.example>",
    "From: =?utf-8?b?Ym9z?= =?utf-8?b?c0Bjb3JwLmV4YW1wbGU=?= <ann@corp.example>", 'From: "boss"@corp.example',
    'From: "bo\\ss"@corp.example', f"From: <@evil.example:{BOSS}>", f"From: <@{BOSS}:ann@corp.example>",
    f"From: {BOSS}.", f"From: <{BOSS}.>", f"From: {BOSS}. <ann@corp.example>", "From: BOSS@CORP.EXAMPLE",
    "From: Boss@Corp.Example <Ann@Corp.Example>", f"From: <{BOSS}", f'From: "ann@corp.example <{BOSS}>',
    f'From: "ann@corp.example\\" <{BOSS}>', f"From: (ann@corp.example <{BOSS}>", f"From: ann@corp.example\\, {BOSS}",
    f"From: ann@corp.example\x0b,{BOSS}", f"From: ann@corp.example\x0c{BOSS}", f"From: ann@corp.example\u2028{BOSS}",
    f"From: ann@corp.example\rFrom: {BOSS}", f"From: ann@corp.example\nFrom: {BOSS}",
    f"From: {BOSS}\0ann@corp.example", f"From: \0ann@corp.example\r\nFrom: {BOSS}",
    f"From: ann@corp.example\r\nSender: {BOSS}",
    f"From: ann@corp.example\r\nSender: ann@corp.example\r\nSender: {BOSS}",
    f"From: ann@corp.example\r\nSender : {BOSS}", f"From: ann@corp.example\r\nResent-From: {BOSS}",
    f"From: ann@corp.example\r\nResent-Sender: {BOSS}", f"From: ann@corp.example\r\nReSeNt-FrOm: Boss <{BOSS}>",
    "From: an\u0274@corp.example", "From: \u0430nn@corp.example", "From: \uff41nn@corp.example",
    "From: ann@corp.example.evil.example", "From: ann@evil.example", "From: ann\uff20corp.example",
    "To: x@corp.example", "From:", "From: ann", "From: <>", "From: mailguard@corp.example", "From: undisclosed:;",
    "From: stra\u00dfe@corp.example", "From: strasse@corp.example", "From: \u0130van@corp.example",
    "From: \u0131van@corp.example", "From: o\ufb03ce@corp.example", "From: o\ufb00ice@corp.example",
    "From: o\u017ffice@corp.example",
]  # fmt: skip
"""ann may write none of them."""
OWN = [
    "From: ann@corp.example", "From: Ann <ann@corp.example>", "From: ANN@Corp.EXAMPLE", "From: Us: ann@corp.example;",
    "From: =?utf-8?q?=C4=B0nn?= <ann@corp.example>", "From: ann@corp.example\r\nSender: office@corp.example",
    "From:\r\n ann@corp.example", 'From: "ann@corp.example" <ann@corp.example>',
    "From: ann@corp.example <ann@corp.example>", "From: ann@corp.example (the boss is boss@corp.example)",
    'From: "Ann, Boss" <ann@corp.example>', "From: Ann <ann@corp.example>, Office <office@corp.example>",
    'From: "ann"@corp.example', "From: ann@corp.example\r\nReply-To: boss@corp.example",
    "From: ann@corp.example\r\nSubject: From: boss@corp.example",
    "From: ann@corp.example\r\nX: y\r\n From: boss@corp.example",
]  # fmt: skip
"""They are all hers."""


def shown(raw: bytes) -> set[str]:
    """Whom some reader of this mail would show as its author: two parsers of Python, one of regular expressions."""
    found: set[str] = set()
    for policy in (email.policy.default, email.policy.compat32):
        message = email.message_from_bytes(raw, policy=policy)
        with contextlib.suppress(AttributeError, IndexError, TypeError):  # it has bugs of its own on such headers
            texts = [str(value) for name in ("from", "sender", "resent-from") for value in message.get_all(name, [])]
            for label, where in email.utils.getaddresses(texts):
                found |= {where.lower(), label.lower().strip("<>\"' .")}
    head = raw.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    for value in re.findall(r"(?im)^from\s*:\s*(.*)$", head):
        found |= {one.lower() for one in re.findall(r"<([^<>]*)>", value)[-1:]} or {value.strip().lower()}
    return found


@fault(
    f"{len(SPOOFS)} spellings of somebody else in From, Sender and Resent-From, by a login",
    "only the login's own addresses pass", short=1, full=3,
)  # fmt: skip
async def spoofs(trial: Trial) -> None:
    async with door(trial, SUBMISSIONS, limits={"errors": 10_000}) as here:
        ann = await here.ann()
        for header in trial.dice.sample([*SPOOFS, *OWN], len(SPOOFS) + len(OWN)):
            raw = header.encode() + b"\r\nTo: bob@client.example\r\n\r\nHello\r\n"
            for sender in ("ann@corp.example", ""):
                here.intake.mails.clear()
                said = await ann.mail(raw, sender)
                if header in OWN:
                    assert said.startswith("250 "), (header, said)
                    assert [kept for _, kept, _ in here.intake.mails] == [raw]
                    trial.accepted += 1
                else:
                    assert said.startswith(("550 5.7.1 ", "554 5.6.0 ")), (header, said)
                    assert here.intake.mails == [], header
        for sender in ("boss@corp.example", "an\u0274@corp.example", "mailguard@corp.example"):
            assert (await ann.say(f"MAIL FROM:<{sender}> SMTPUTF8")).startswith("550 5.7.1 ")
        ann.close()


PIECES = [
    BOSS, "ann@corp.example", "<", ">", '"', "(", ")", ",", ";", ":", "Us:", " ", "\r\n ", "\r\n\t", "\\", "Ann", "@",
    ".", f"<{BOSS}>", "<ann@corp.example>", f"=?utf-8?b?{_B64}?=", "=?utf-8?q?Ann?=", "\r\nFrom: ", "\r\nSender: ",
    "[", "]",
]  # fmt: skip


@fault(
    "From and Sender put together at random, by a login",
    "nobody else is shown by any of three readers",
    short=6,
    full=300,
)
async def shuffled(trial: Trial) -> None:
    dice = trial.dice
    async with door(trial, SUBMISSIONS, limits={"errors": 10_000, "commands": 100_000}) as here:
        ann = await here.ann()
        for _ in range(100):
            value = "".join(dice.choices(PIECES, k=dice.randrange(1, 9)))
            raw = f"From: {value}\r\nTo: bob@client.example\r\n\r\nHello\r\n".encode()
            here.intake.mails.clear()
            said = await ann.mail(raw)
            if said.startswith("250 "):
                assert [kept for _, kept, _ in here.intake.mails] == [raw]
                assert BOSS not in shown(raw), (raw, shown(raw))
                trial.accepted += 1
            else:
                assert said.startswith("550 5.7.1 "), (raw, said)
                assert here.intake.mails == []
        ann.close()
