"""A next hop that takes its time, and what that does to everybody else."""

import asyncio
import time
from typing import Any

from mailguard.courier.wire import Timeouts
from mailguard.demo.site import free_port
from mailguard.records import State
from mailguard.testing import eventually
from tests.flow.house import ANN, HOLD, KIM
from tests.torture.badhop import PHASES, BadHop, fin, rst, silent
from tests.torture.fault import Trial, fault
from tests.torture.scene import OFFERS, Scene, leap, scene, settled
from tests.unit.courier.dns_server import DnsServer


async def _wait_at_the_dot(at: Scene, minutes: int) -> None:
    """The hop has the mail and says nothing for so long."""
    answer = asyncio.Event()

    async def late(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer.wait()
        writer.write(b"250 2.0.0 queued at last\r\n")

    at.hop.tricks["DOT"] = late
    await at.send()
    await eventually(lambda: at.hop.played)
    for _ in range(minutes):
        leap(60)
        await at.house.clock.advance(60)
        at.house.service.scheduler.wake()
        await asyncio.sleep(0.01)
    if minutes < 10:
        assert at.hop.played == 1, "tried again while it was still being carried"
    answer.set()
    await settled(at.house)
    await at.mended()


@fault("waits nine minutes before the final 250", "one copy, no time-out", short=1, full=10, seconds=7200)
async def nine_minutes(trial: Trial) -> None:
    async with scene(trial, BadHop(*OFFERS), timeouts=Timeouts()) as at:
        await _wait_at_the_dot(at, 9)
        await at.check()


@fault("waits eleven minutes before the final 250", "tried again after ten, counted as ambiguous", short=1, full=10,
       at_the_dot=True, seconds=7200)  # fmt: skip
async def eleven_minutes(trial: Trial) -> None:
    async with scene(trial, BadHop(*OFFERS), timeouts=Timeouts()) as at:
        await _wait_at_the_dot(at, 11)
        await at.check(at_the_dot=1, ambiguous=1)


@fault("hangs with many mails while others leave by another hop", "the others leave in their usual time",
       short=2, full=6, seconds=180)  # fmt: skip
async def one_slow_destination(trial: Trial) -> None:
    full = trial.number > 1  # the short form's two runs are small ones
    hanging, others = (500, 200) if full else (40, 30)
    hop, good, names = BadHop(*OFFERS), BadHop(*OFFERS), await DnsServer().start()
    hop.tricks["BANNER"] = silent
    await good.start("127.0.0.2", free_port())  # the same port is wanted at 127.0.0.1 as well
    hop.port = good.port
    names.zone["client.example", "MX"], names.zone["good.example", "MX"] = ["1 slow.example."], ["1 mx.good.example."]
    names.zone["slow.example", "A"], names.zone["mx.good.example", "A"] = ["127.0.0.1"], ["127.0.0.2"]
    by_mx = bool(trial.number % 2)
    way = {"mx": True, "unsigned": True} if by_mx else {"smarthost": f"127.0.0.2:{good.port}"}
    others_way = {"good.example": {**way, "tls": "none"}}
    dns: dict[str, Any] = {"resolver": names.resolver(), "mx_port": good.port, "loops_allowed": True}
    slow_way = {"mx": True, "unsigned": True, "tls": "none"} if by_mx else None
    try:
        async with scene(trial, hop, timeouts=Timeouts(), others=others_way, next_hop=slow_way, **dns) as at:
            alone = await _seconds(at, good, others)
            for _ in range(hanging):
                await at.send(KIM)
            await eventually(lambda: hop.played)
            beside = await _seconds(at, good, others)
            trial.note = f"{others} mails took {beside / alone:.2f} times as long beside {hanging} that hang"
            assert beside < 5 * alone + 2
            assert hop.played <= 10, "more connections than one destination may have"
    finally:
        await good.stop()
        await names.stop()


async def _seconds(at: Scene, good: BadHop, number: int) -> float:
    """How long so many mails take from the first word of their client to their arrival."""
    begun, wanted = time.monotonic(), len(good.arrived) + number
    for _ in range(number):
        await at.house.send(["friend@good.example"])
        at.trial.accepted += 1
    await eventually(lambda: len(good.arrived) == wanted, within=60)
    return time.monotonic() - begun


_TROUBLES = [(verb, trick) for verb in PHASES for trick in (fin, rst)]


@fault("misbehaves while people are told of a hold", "told exactly once; twice only if lost at the dot", short=4,
       full=48, at_the_dot=True)  # fmt: skip
async def notices(trial: Trial) -> None:
    verb, trick = _TROUBLES[(trial.number * 5) % len(_TROUBLES)]
    hop = BadHop(*trial.dice.choice((OFFERS, ("PIPELINING", *OFFERS))))
    async with scene(trial, hop, rules=HOLD, domain="corp.example") as at:
        hop.tricks[verb] = trick
        queue_id = await at.house.send([KIM])
        trial.accepted += 1
        await eventually(lambda: hop.played)
        await at.house.quiet()
        hop.behave()
        await at.house.wait(hours=1)
        assert (await at.house.copy(queue_id, KIM)).state is State.HELD
        told = [one for one in hop.arrived if one.rcpts and ANN in one.rcpts[0]]
        assert all(one.mail.startswith("MAIL FROM:<>") for one in told)
        assert 1 <= len(told) <= 1 + (verb == "DOT")
        trial.duplicated += len(told) - 1
        assert not at.house.log_lines("service.failure")
        assert not hop.reused
