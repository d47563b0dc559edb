"""Rules and the people they are bound to, as a configuration names them."""

from dataclasses import dataclass, replace

from mailguard import people as directory
from mailguard.config import Config
from mailguard.document import yaml
from mailguard.people import Found, People
from mailguard.rules import loader
from mailguard.rules.rule import RuleSet


@dataclass(frozen=True)
class Policy:
    """What decides, with what its files said: a directory's news binds that again, and never a half-edited file."""

    people: People
    rules: RuleSet
    found: Found | None
    file: yaml.Document | None  # people.yaml

    @property
    def watched(self) -> frozenset[str]:
        """The groups whose members decide something."""
        return self.rules.groups | self.people.no_assistant_groups

    def over(self, found: Found) -> "Policy":
        """The same files over another answer of the directory. Raises ConfigError when they don't fit."""
        if found == self.found:
            return self
        people = directory.bind(self.file, self.people.organization, found)
        return replace(self, people=people, rules=loader.parse(self.rules.documents, people), found=found)


def load(config: Config, found: Found | None = None) -> Policy:
    """From the files, as they are now. Raises ConfigError with every problem."""
    file = yaml.read(config.people_path) if config.people_path is not None else None
    people = directory.bind(file, config.organization, found)
    return Policy(people, loader.load(config.rule_files(), people), found, file)
