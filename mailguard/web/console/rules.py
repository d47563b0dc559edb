"""The rules in force, what became of their holds, and a draft tried on past mail."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mailguard.locale import N_
from mailguard.notices.words import clean
from mailguard.people.access import Right
from mailguard.records import Fate, RuleTally
from mailguard.rules.precision import precision, proposal
from mailguard.web import forms
from mailguard.web.console.charts import Plot, lying, stacks
from mailguard.web.console.detail import ACTIONS, MODES
from mailguard.web.console.drafts import SPANS, Drafts, Refused
from mailguard.web.console.figures import DAYS, Counting, Figures, daily, disturbed
from mailguard.web.console.gate import PREFIX, Gate

_USUAL = "7d"
_OUTCOMES = (
    N_("changed what left"),
    N_("sent unchanged"),
    N_("nobody answered"),
    N_("still waits"),
)
_PROPOSALS = {
    "demote": N_("{unchanged} of {answered} answered holds were sent unchanged: set it to audit"),
    "tighten": N_("{unchanged} of {answered} answered holds were sent unchanged: ask for more in its condition"),
}
_GROUPS = 20


@dataclass(frozen=True, slots=True)
class Line:
    """One rule of the list. Numbers are of the last 30 days."""

    id: str
    description: str
    mode: str
    action: str
    fired: str
    held: str
    precision: str
    proposal: str


@dataclass(frozen=True, slots=True)
class Rules:
    """Pages for who writes rules."""

    gate: Gate
    counting: Counting
    drafts: Drafts

    def routes(self) -> list[Route]:
        return [
            self.gate.get("/rules", self.show, Right.RULES),
            self.gate.get("/rules/draft", self.back, Right.RULES),
            self.gate.post("/rules/draft", self.draft, Right.RULES),
        ]

    async def show(self, request: Request, person: str) -> Response:
        figures, teller = await self.counting.figures(), self.gate.site.teller()
        chosen = clean(request.query_params.get("rule", ""), 100)
        since = figures.versions[0].at if figures.versions else None
        return self.gate.show(
            "console_rules.html",
            person,
            hash=self.drafts.rules().hash[:12],
            since=teller.when.short(since, zone=True),
            versions=[(teller.when.at(e.at), clean(e.actor), e.data.get("hash", "")[:12]) for e in figures.versions],
            lines=self._lines(figures),
            chosen=chosen,
            days=DAYS,
            outcomes=[teller.say(words) for words in _OUTCOMES],
            per_day=self._per_day(figures, chosen),
            precision=self._precision(figures),
            lag=self._lag(),
            disturbed=self._disturbed(figures),
            smallest=self.gate.staff.access.smallest_group,
            spans=SPANS,
            chosen_span=_USUAL,
            alone=False,
            text="",
            counted=teller.when.at(figures.at),
        )

    async def back(self, _request: Request, _person: str) -> Response:
        return RedirectResponse(f"{PREFIX}/rules", 303)

    async def draft(self, request: Request, person: str) -> Response:
        """Nothing is written: what these rules would have said of past mail."""
        form = await forms.read(request, files=True)
        text = forms.one(form, "file") or forms.one(form, "text")
        since, alone = forms.one(form, "since"), bool(form.get("alone"))
        again: dict[str, Any] = {"text": text, "spans": SPANS, "chosen_span": since or _USUAL, "alone": alone}
        try:
            tried = await self.drafts.tried(text, since, alone=alone)
        except Refused as refused:
            return self.gate.show("console_draft.html", person, 422, problems=str(refused), tried=None, **again)
        return self.gate.show("console_draft.html", person, problems="", tried=tried, **again)

    def _lines(self, figures: Figures) -> list[Line]:
        say, number = self.gate.site.say, self.gate.site.language.number
        lines = []
        for rule in self.drafts.rules().rules:
            tally = figures.tallies.get(rule.id, RuleTally(rule.id))
            found, proposed = precision(tally), proposal(tally)
            counted = {"unchanged": number(tally.count(Fate.UNCHANGED)), "answered": number(tally.answered)}
            lines.append(
                Line(
                    rule.id,
                    clean(rule.description, 300),
                    say(MODES[rule.mode]) + (f" ({', '.join(rule.pilot)})" if rule.pilot else ""),
                    say(ACTIONS[rule.action]),
                    number(tally.matched + tally.audit),
                    number(tally.held),
                    f"{found.share:.0%} ({found.low:.0%}–{found.high:.0%})" if found else "–",
                    say(_PROPOSALS[proposed.what], **counted) if proposed else "",
                )
            )
        return lines

    def _per_day(self, figures: Figures, rule: str) -> Plot:
        zone, say = ZoneInfo(self.gate.site.zone()), self.gate.site.say
        last = figures.at.astimezone(zone).date()
        written = self.gate.site.language.day
        days = [written(last - timedelta(days=back)) for back in range(DAYS - 1, -1, -1)]

        def day(at: datetime) -> str:
            return written(at.astimezone(zone).date())

        counts = daily((hold for hold in figures.holds if not rule or hold.rule == rule), days, day)
        said = [
            [(value, f"{name}: {value} × {say(words)}") for value, words in zip(values, _OUTCOMES, strict=True)]
            for name, values in zip(days, counts, strict=True)
        ]
        return stacks(list(zip(days, said, strict=True)))

    def _precision(self, figures: Figures) -> Plot | None:
        found = [(tally.rule, precision(tally)) for tally in figures.tallies.values()]
        rows = [
            (rule, p.low, p.share, p.high, f"{rule}: {p.share:.0%} ({p.low:.0%}–{p.high:.0%})")
            for rule, p in found
            if p
        ]
        return lying(sorted(rows, key=lambda row: row[2]), 1.0) if rows else None

    def _lag(self) -> Plot:
        columns, below = [], "0"
        for upper, count in self.drafts.lags():
            within = f"> {below}" if upper == "+Inf" else f"≤ {upper}"
            columns.append((within, [(count, f"{within} s: {count}")]))
            below = upper
        return stacks(columns)

    def _disturbed(self, figures: Figures) -> Plot | None:
        smallest = self.gate.staff.access.smallest_group
        number = self.gate.site.language.number
        found = disturbed(figures.holds, self.drafts.people(), smallest)[:_GROUPS]
        if not found:
            return None
        most = max(each for _, _, each in found) or 1.0
        rows = [
            (f"{group} ({size})", 0.0, each, each, f"{group}: {number(round(each, 2))}") for group, size, each in found
        ]
        return lying(rows, most)
