"""The sensitivity label that the sender's program put on the mail."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from mailguard.document.model import BadValue
from mailguard.locale.sayings import joined, quoted, saying
from mailguard.mail import labels
from mailguard.records import Match
from mailguard.rules.condition import Condition, condition
from mailguard.rules.facts import Facts


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


@condition("label")
class Label(Condition):
    """A label of Microsoft, Titus or their kin. Anyone can type one: let it only make a rule stricter."""

    examples = ({"any": ["Confidential"]},)
    any_: Annotated[tuple[str, ...], BeforeValidator(_several, json_schema_input_type=str | list[str])] = Field(
        (), alias="any", examples=[["Confidential", "Highly Confidential"]]
    )
    """One of these: a name, a step of one like Confidential\\\\All Staff, or Microsoft's id; case does not count."""
    present: bool | None = None
    """true: the mail has some label; false: it has none."""

    @model_validator(mode="after")
    def _asks(self) -> "Label":
        if bool(self.any_) == (self.present is not None):
            raise BadValue(
                "a label needs exactly one question", "write any: [Confidential] or present: true", code="MG217"
            )
        return self

    def match(self, facts: Facts) -> Match | None:
        found = _labels(facts)
        if self.present is not None:
            return Match(_said(found)) if bool(found) == self.present else None
        wanted = {name.strip().casefold() for name in self.any_}
        hits = [label for label in found if not wanted.isdisjoint(label.names)]
        if not hits:
            return None
        return Match(_said(hits), evidence=tuple((saying("the label"), _name(hit)) for hit in hits))

    def miss(self, facts: Facts) -> str:
        return _said(_labels(facts))


def _labels(facts: Facts) -> tuple[labels.Label, ...]:
    return facts.once("labels", lambda: labels.labels(facts.message))


def _name(label: labels.Label) -> str:
    return (label.name or label.id)[:80]


def _said(found: Sequence[labels.Label]) -> str:
    if not found:
        return saying("the mail is without a label")
    return saying("the mail is labelled {labels}", labels=joined(", ", (quoted(_name(label)) for label in found)))
