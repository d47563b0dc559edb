"""Plain scalars by the YAML 1.2 core schema (§10.3.2): `no`, `17:30` and `2027-01-31` are words."""

import re

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]{1,100}")
_OTHER_INT = re.compile(r"0o[0-7]{1,100}|0x[0-9a-fA-F]{1,100}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

Scalar = str | int | float | bool | None


def scalar(text: str) -> Scalar:
    """The value of an unquoted scalar. Numbers past a hundred digits stay words."""
    if text[:1].isalpha() and text[:1] not in "nNtTfF":
        return text
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return int(text)
    if _OTHER_INT.fullmatch(text):
        return int(text, 0)
    if len(text) <= 100 and _FLOAT.fullmatch(text):  # noqa: PLR2004 - as for whole numbers
        return float(text)
    return float(text.replace(".", "")) if _SPECIAL.fullmatch(text) else text
