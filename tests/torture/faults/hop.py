"""The next hop misbehaving: every answer it could give, and every moment it could be gone."""

from collections import Counter
from itertools import product
from pathlib import Path

from mailguard.records import State
from tests.flow.house import ANN, KIM
from tests.torture.badhop import PHASES, BadHop, drip, fin, flood, rst, says, silent, sips
from tests.torture.fault import Trial, fault
from tests.torture.scene import OFFERS, reports, scene, settled

ONCE = "exactly one copy arrives, later"
_WAYS = (OFFERS, ("PIPELINING", *OFFERS))


def _hop(trial: Trial) -> BadHop:
    """In lockstep or with pipelining, as the dice say."""
    return BadHop(*trial.dice.choice(_WAYS))


_CODES = [(verb, code) for verb in PHASES for code in ("4", "5", "421")]


@fault("says 4xx, 5xx or 421 at every command", "tried again; or refused, with one report", short=6, full=180)
async def answers(trial: Trial) -> None:
    verb, kind = _CODES[(trial.number * 5) % len(_CODES)]  # a short run sees each command
    code = {"4": "451 4.3.0 later", "5": "554 5.7.1 never", "421": "421 4.3.2 closing"}[kind]
    async with scene(trial, _hop(trial)) as at:
        at.hop.answers[verb] = code
        await at.send(KIM, "max@client.example")
        await at.house.quiet()
        refused = kind == "5" and verb not in ("BANNER", "EHLO")  # those are about us, not about the mail
        helped = kind == "5" and verb == "EHLO"  # HELO is another way
        assert helped or set(await at.states()) == {State.FAILED if refused else State.QUEUED}
        await at.mended()
        await at.check(failed=2 if refused else 0)
        assert len(reports(at.house)) == refused


@fault("refuses the connection", ONCE, short=1, full=10)
async def refuses(trial: Trial) -> None:
    async with scene(trial, _hop(trial)) as at:
        await at.hop.refuse()
        await at.send()
        await at.house.quiet()
        assert set(await at.states()) == {State.QUEUED}
        await at.hop.start()
        await at.mended()
        await at.check()


_DROPS = list(product(("BANNER", "EHLO", "MAIL", "RCPT", "DATA", "INSIDE"), (fin, rst)))


@fault("hangs up at every step before the dot, with FIN or RST", ONCE, short=6, full=120)
async def drops(trial: Trial) -> None:
    verb, trick = _DROPS[(trial.number * 5) % len(_DROPS)]
    async with scene(trial, _hop(trial)) as at:
        if verb == "INSIDE":
            at.hop.inside = trick
        else:
            at.hop.tricks[verb] = trick
        size = trial.dice.choice((100, 300_000))
        raw = b"From: ann@corp.example\r\nMessage-ID: <drop@corp.example>\r\n\r\n" + b"0123456789\r\n" * (size // 12)
        await at.send(KIM, raw=raw)
        await at.house.quiet()
        assert at.hop.played
        assert set(await at.states()) == {State.QUEUED}
        await at.mended()
        await at.check(ambiguous=None if verb == "INSIDE" else 0)  # its dot may have been written already


_AFTER = [fin, rst, silent, says(b"25"), says(b"354 what\r\n"), says(b"\xff\x00\r\n"), flood(b"250-x\r\n", 1 << 20)]


@fault("takes the mail and loses its answer after the dot", "tried again, counted as ambiguous", short=7, full=70,
       at_the_dot=True)  # fmt: skip
async def after_the_dot(trial: Trial) -> None:
    trick = _AFTER[trial.number % len(_AFTER)]
    async with scene(trial, _hop(trial)) as at:
        at.hop.tricks["DOT"] = trick
        await at.send()
        await settled(at.house)
        at.hop.behave()
        await at.mended()
        said = trial.number % len(_AFTER) == 4
        await at.check(at_the_dot=1, ambiguous=0 if said else 1)
        ids = {line for one in at.hop.arrived for line in one.data.split(b"\r\n") if line.startswith(b"Message-ID")}
        assert len(ids) == 1


_SLOW = [(verb, trick) for verb in ("BANNER", "EHLO", "MAIL", "RCPT", "DATA")
         for trick in (silent, drip(b"250-go on\r\n", 0.01))]  # fmt: skip


@fault("answers byte by byte, without end or not at all", ONCE, short=5, full=50)
async def slow_answers(trial: Trial) -> None:
    verb, trick = _SLOW[(trial.number * 3) % len(_SLOW)]
    async with scene(trial, _hop(trial)) as at:
        at.hop.tricks[verb] = trick
        await at.send()
        await settled(at.house)
        await at.mended()
        await at.check()


@fault("reads a large mail a few bytes at a time", "left after a bounded time; arrives once, later", short=1, full=10)
async def slow_reading(trial: Trial) -> None:
    async with scene(trial, _hop(trial)) as at:
        at.hop.inside = sips(0.02)
        raw = b"From: ann@corp.example\r\nMessage-ID: <slow@corp.example>\r\n\r\n" + b"0123456789\r\n" * 500_000
        await at.send(KIM, raw=raw)
        await settled(at.house)
        await at.mended()
        await at.check(ambiguous=None)  # all of it may be in the buffers of the two kernels before it is left


@fault("answers each of five recipients differently, then is gone", "each has its own end; only the rest is retried",
       short=4, full=40)  # fmt: skip
async def mixed(trial: Trial) -> None:
    people = [f"{name}@client.example" for name in ("one", "two", "three", "four", "five")]
    trial.dice.shuffle(people)
    later = "452 4.2.2 full" if trial.number % 2 else "552 5.2.2 full"  # 552 at RCPT is no refusal (RFC 5321)
    said = dict(zip(people, ("", "", "550 5.1.1 nobody", later, later), strict=True))
    async with scene(trial, _hop(trial)) as at:
        at.hop.answers["RCPT"] = lambda line: next(words for who, words in said.items() if who in line)
        queue_id = await at.send(*people)
        await at.house.quiet()
        states = await at.house.states(queue_id)
        assert [states[who] for who in people] == [State.SENT] * 2 + [State.FAILED] + [State.QUEUED] * 2
        at.hop.tricks["RCPT"] = trial.dice.choice((fin, rst))
        await at.house.wait(minutes=3)
        await at.mended()
        await at.check(failed=1)
        assert len(reports(at.house)) == 1
        assert all(who not in reports(at.house)[0].split("\n\n")[0] for who in people[3:])
        asked = Counter(who for line in at.hop.commands for who in people if f"RCPT TO:<{who}>" in line)
        assert [asked[who] for who in people[:3]] == [1, 1, 1]


@fault("says 251 at RCPT and at the dot, and garbage behind 354", "that is a yes: one copy", short=1, full=10)
async def odd_success(trial: Trial) -> None:
    async with scene(trial, _hop(trial)) as at:
        at.hop.answers.update(RCPT="251 forwarded", DATA="354 \xff\x1b[2J go", DOT="251 2.0.0 \xc3\x28 elsewhere")
        await at.send()
        await at.mended()
        await at.check()


_NASTY = "\x1b[2J\x1b]0;pwned\x07\x00\x9b31m\xff\xfe \xe2\x80\xae txt\r\x0bX-Evil: yes"


@fault("answers in bad UTF-8, NUL, escapes and header lines", "shown harmless everywhere; one report", short=6, full=60)
async def nasty(trial: Trial) -> None:
    verb = PHASES[trial.number % len(PHASES)]
    early = verb in ("BANNER", "EHLO")
    async with scene(trial, _hop(trial)) as at:
        code = "454 " if early else "554 "
        at.hop.answers[verb] = f"{code[:3]}-{_NASTY}\r\n{code}{_NASTY}"
        queue_id = await at.send()
        await at.house.quiet()
        copy = await at.house.copy(queue_id, KIM)
        shown = [copy.last_reply or "", *reports(at.house)]
        for text in shown:
            assert not any((c < " " and c not in "\r\n\t") or "\x7f" <= c <= "\x9f" or c == "\u202e" for c in text)
        assert all("X-Evil" not in part for mail in at.house.notices(ANN) for part in mail.message.walk())
        assert "\x1b" not in at.house.log.getvalue()
        await at.mended()
        await at.check(failed=not early)
        assert len(reports(at.house)) == (not early)


_FLOODS = [(verb, piece) for piece in (b"2", b"250-again\r\n", b"220 again\r\n")
           for verb in ("BANNER", "EHLO", "MAIL", "DATA")]  # fmt: skip
MOST_GROWTH = 24  # MB


@fault("answers with a gigabyte, in one line or in many", "left at once; memory stays (growth in the note)",
       short=4, full=24)  # fmt: skip
async def floods(trial: Trial) -> None:
    verb, piece = _FLOODS[(trial.number * 5) % len(_FLOODS)]
    async with scene(trial, _hop(trial)) as at:
        at.hop.tricks[verb] = flood(piece, 1 << 30)
        peak_memory()
        before = peak_memory()
        await at.send()
        await settled(at.house)
        growth = peak_memory() - before
        trial.note = f"peak memory + {growth:.0f} MB"
        assert growth < MOST_GROWTH
        await at.mended()
        await at.check()


def peak_memory() -> float:
    """Peak memory of this process in MB since the last call."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    Path("/proc/self/clear_refs").write_text("5")
    return int(line.split()[1]) / 1024


_EXTRA = [(verb, words) for verb in ("MAIL", "RCPT", "DATA", "DOT")
          for words in (b"250 2.0.0 more\r\n", b"550 5.0.0 no\r\n", b"421 4.3.2 bye\r\n")]  # fmt: skip


@fault("sends answers nobody asked for", "no mail takes another's answer; each arrives once", short=6, full=60)
async def unasked(trial: Trial) -> None:
    verb, words = _EXTRA[(trial.number * 5) % len(_EXTRA)]
    good = {"MAIL": b"250 ok\r\n", "RCPT": b"250 ok\r\n", "DATA": b"354 go\r\n", "DOT": b"250 taken\r\n"}[verb]
    async with scene(trial, _hop(trial)) as at:
        at.hop.tricks[verb] = says(good + words)
        at.hop.goes_on.add(verb)
        await at.send(KIM, "max@client.example")
        await at.house.quiet()
        await at.send()
        await at.house.quiet()
        await at.mended()
        states = await at.states()
        await at.check(failed=states[State.FAILED] if b"550" in words else 0)


@fault("offers other things on each connection", "sent as it can be, or refused with one report", short=4, full=20)
async def changing(trial: Trial) -> None:
    hop = BadHop(*OFFERS)
    dice = trial.dice
    async with scene(trial, hop) as at:
        hop.answers["RCPT"] = "451 4.3.0 later"
        raw = b"From: ann@corp.example\r\nMessage-ID: <8bit@corp.example>\r\n\r\n" + "Zażółć\r\n".encode() * 20
        await at.send(KIM, raw=raw)
        await at.house.quiet()
        gone = trial.number % 4
        sizes = ("SIZE 10", "SIZE " + "9" * 5000, "SIZE \xc2\xb2", "SIZE 0")
        size = sizes[0] if gone == 0 else dice.choice(sizes[1:])
        hop.offers = [size] if gone == 1 else [size, "8BITMIME"]
        await at.house.wait(minutes=1)
        hop.answers.clear()
        await at.house.wait(hours=1)
        await at.check(failed=gone in (0, 1))
        assert len(reports(at.house)) == (gone in (0, 1))
