"""What is not there for one rule is not there for the next: many rules say together what each says alone."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from mailguard.rules.engine import evaluate
from mailguard.rules.facts import Facts
from tests.unit.rules.judge import HOLDS, facts, rules

_LEAVES = (
    "words: {any: [alpha]}",
    "words: {any: [beta, gamma], in: [subject]}",
    "words: {any: [alpha], in: [quoted]}",
    "words: {any: [delta], in: [attachments]}",
    "words: {any: [alpha, beta], at_least: 2}",
    "words: {any: [beta], ignore: [beta gamma]}",
    "recipients: {any: external}",
    "message: {is: reply}",
)
_WORDS = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", "beta gamma", "alphabet"]), max_size=4)


def _nested(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(parts, min_size=1, max_size=3).map(", ".join)
    return st.one_of(
        several.map(lambda inner: f"all: [{inner}]"), several.map(lambda inner: f"any: [{inner}]"),
        parts.map(lambda inner: f"not: {inner}"),
    ).map(lambda said: f"{{{said}}}")  # fmt: skip


_WHEN = st.recursive(st.sampled_from(_LEAVES).map(lambda leaf: f"{{{leaf}}}"), _nested, max_leaves=4)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(_WHEN, st.none() | _WHEN), min_size=2, max_size=6), _WORDS, _WORDS, st.booleans())
def test_rules_asked_one_after_the_other_say_what_each_says_alone(
    whens: list[tuple[str, str | None]], subject: list[str], body: list[str], outside: bool
) -> None:
    text = "version: 1\nrules:\n" + "".join(
        f"  - {{id: r{number}, when: {when}, {f'unless: {unless}, ' if unless else ''}then: [{{delay: 5m}}]}}\n"
        for number, (when, unless) in enumerate(whens)
    )
    all_rules = rules(text)

    def mail() -> Facts:
        to = "kim@client.example" if outside else "bob@corp.example"
        return facts(to=to, subject=" ".join(subject), body=" ".join(body))

    together = evaluate(all_rules, mail(), HOLDS).hits
    alone = [evaluate(replace(all_rules, rules=(one,)), mail(), HOLDS).hits for one in all_rules.rules]
    assert together == tuple(hit for hits in alone for hit in hits)
