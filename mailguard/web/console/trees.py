"""What the rules in force say of a mail that came before, condition by condition, as far as its facts were kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailguard.history.settings import Learn
from mailguard.intake.keep import recall
from mailguard.people import People
from mailguard.records import Kept, Mail, Mode
from mailguard.rules.rule import RuleSet
from mailguard.rules.tree import Branch, grown


@dataclass(frozen=True, slots=True)
class Tree:
    """One rule's conditions, each with what it says of the mail."""

    rule: str
    when: Branch
    unless: Branch | None


@dataclass(frozen=True, slots=True)
class Trees:
    """Asked of the rules and the people that are in force when it is called."""

    rules: Callable[[], RuleSet]
    people: Callable[[], People]
    learn: Learn

    def __call__(self, mail: Mail, kept: Kept) -> Sequence[Tree]:
        """Of every rule that is not off. Asks every condition: not for the event loop."""
        facts = recall(mail, kept, self.people(), self.learn)
        return tuple(
            Tree(rule.id, grown(rule.when, facts), grown(rule.unless, facts) if rule.unless else None)
            for rule in self.rules().rules
            if rule.mode is not Mode.OFF
        )
