"""The policy: YAML → rules, a mail's facts → a verdict. Rules decide, they never edit the message."""

import mailguard.rules.conditions  # noqa: F401 - registers them
from mailguard.rules.changes import said
from mailguard.rules.engine import RuleReport, evaluate, explain
from mailguard.rules.loader import load, parse, rule_files
from mailguard.rules.rule import Rule, RuleSet

__all__ = ["Rule", "RuleReport", "RuleSet", "evaluate", "explain", "load", "parse", "rule_files", "said"]
