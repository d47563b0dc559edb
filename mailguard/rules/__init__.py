"""The policy: YAML → rules, a mail's facts → a verdict. Rules decide, they never edit the message."""
