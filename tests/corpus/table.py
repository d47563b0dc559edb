"""What the shipped policy makes of the week, in numbers."""

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from mailguard.mail import address
from mailguard.records import Mode
from tests.corpus.week import POLICY, Played


def notices(week: Iterable[Played]) -> Counter[tuple[str, int]]:
    """Of each person inside and day of the week, how many notices; also of whoever wrote and got none."""
    found = Counter[tuple[str, int]]()
    for one in week:
        day = one.mail.at.weekday()
        if one.mail.sender and not one.decided.automatic:
            found[address.key(one.mail.sender), day] += 0
        for notice in one.decided.notices:
            found[address.key(notice.person), day] += 1
    return found


def summary(week: Sequence[Played]) -> dict[str, int | float]:
    automatic = [one for one in week if one.decided.automatic]
    per_day = notices(week)
    return {
        "ordinary mails": len(week),
        "of them automatic": len(automatic),
        "held": sum(one.held for one in week),
        "automatic and held": sum(one.held for one in automatic),
        "delayed, sender told": sum(one.told and not one.held for one in week),
        "delayed, nobody told": sum(bool(one.verdict.waits) and not one.told and not one.held for one in week),
        "left at once": sum(not one.verdict.waits and not one.held for one in week),
        "notices per person and day, median": median(per_day.values()),
        "notices per person and day, most": max(per_day.values()),
    }


def lines(week: Sequence[Played], slips: Sequence[Played]) -> list[str]:
    """The table that docs/default-policy.md quotes."""
    out = ["| | |", "|---|---|"]
    out += [f"| {what} | {number:g} |" for what, number in summary(week).items()]
    out += ["", f"| rule | mode | of {len(week)} ordinary mails | of {len(slips)} slips |", "|---|---|---|---|"]
    usual, wrong = (Counter(rule for one in some for rule in set(one.rules)) for some in (week, slips))
    for rule in POLICY.rules:
        mode = "watches" if rule.mode is Mode.AUDIT else rule.action.name.lower()
        out.append(f"| `{rule.id}` | {mode} | {usual[rule.id]} | {wrong[rule.id]} |")
    fates = Counter(fate(one) for one in slips)
    return [*out, "", "Slips: " + ", ".join(f"{count} {what}" for what, count in sorted(fates.items()))]


def fate(one: Played) -> str:
    """How a slip was noticed."""
    if not set(one.mail.caught) <= set(one.rules):
        return "missed"
    return "held" if one.held else "delayed with a notice" if one.told else "only recorded (rules that watch)"
