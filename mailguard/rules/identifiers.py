"""Numbers that carry a checksum, found in text: how each is written, and whether it can be real (python-stdnum).

A checksum of one digit is right by chance in one number of ten. Kinds so weak, or written like any order number, count
only in their official punctuation or behind their name (`named`).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType

from stdnum import iban, luhn
from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ch import ssn as ahv
from stdnum.cz import rc
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import nip, pesel, regon
from stdnum.se import personnummer
from stdnum.us import ssn
from stdnum.util import get_cc_module

from mailguard.locale.sayings import saying

_BEFORE = r"(?<![\w/=&%#@+.\-])"  # neither in a link nor in a longer number
_AFTER = r"(?![\w/=&%@\-]|[.,][0-9])"
_NEAR = 40  # characters between a name and its number
_IIN = re.compile(
    r"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|3(?:0[0-5]|[689]|5(?:2[89]|[3-8]))|6(?:011|5|4[4-9])"
)
_CARD_LENGTHS = {"4": (13, 16, 19), "5": (16,), "2": (16,), "3": (14, 15, 16), "6": (16, 19)}
_SIGNS = re.compile(r"[\W_]+")
_NO_VALUE = re.compile(r"(.)\1*")


@dataclass(frozen=True, slots=True)
class Kind:
    """`written`: how it looks; `valid`: true, or as much of it as is real; `named`: the name before bare digits."""

    said: str
    written: re.Pattern[str]
    valid: Callable[[str], object]
    named: re.Pattern[str] | None = None

    def find(self, text: str) -> Iterator[str]:
        """Each that can be real, without its blanks and signs."""
        for found in self.written.finditer(text):
            number = found[0]
            if self.named and number.isdigit() and not self._introduced(text, found.start()):
                continue
            real = _sound(self.valid, number)
            if (plain := _SIGNS.sub("", real)) and not _NO_VALUE.fullmatch(plain):
                yield plain

    def _introduced(self, text: str, start: int) -> bool:
        line = text[max(0, start - _NEAR) : start]
        return self.named is not None and self.named.search(line) is not None


def _sound(valid: Callable[[str], object], number: str) -> str:
    """As much of it as can be real, or ''."""
    try:
        found = valid(number)
    except Exception:  # a checker that stumbles over odd text has found no number
        return ""
    return found if isinstance(found, str) else number if found else ""


def _kind(said: str, written: str, valid: Callable[[str], object], named: str = "") -> Kind:
    name = re.compile(rf"(?i)(?:^|[^\w])(?:{named})\W") if named else None
    return Kind(said, re.compile(f"{_BEFORE}(?:{written}){_AFTER}"), valid, name)


def _card(number: str) -> bool:
    plain = _SIGNS.sub("", number)
    return _IIN.match(plain) is not None and len(plain) in _CARD_LENGTHS[plain[0]] and bool(luhn.is_valid(plain))


def _iban(number: str) -> str:
    """Words behind it may look like its last groups: the longest beginning that is one."""
    if number[0].isdigit():  # as Poles write it at home
        return number if iban.is_valid("PL" + number) else ""
    groups = number.split(" ")
    beginnings = ("".join(groups[:end]) for end in range(len(groups), 0, -1))
    return next((each for each in beginnings if iban.is_valid(each)), "")


def _pesel(number: str) -> bool:
    """Of somebody born between 1900 and 2040: the months of other centuries are what telephone numbers hit."""
    return pesel.is_valid(number) and (number[2] in "01" or (number[2] in "23" and number[:2] <= "40"))


KINDS = {
    "card": _kind(
        saying("card number"),
        r"[0-9]{13,19}|[0-9]{4}(?P<a>[ \-])[0-9]{4}(?P=a)[0-9]{4}(?P=a)[0-9]{1,4}(?:(?P=a)[0-9]{3})?"
        r"|[0-9]{4}(?P<b>[ \-])[0-9]{6}(?P=b)[0-9]{4,5}",
        _card,
    ),
    "iban": _kind(
        "IBAN",
        r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?|[0-9]{2}(?: ?[0-9]{4}){6}",
        _iban,
    ),
    "pesel": _kind("PESEL", r"[0-9]{11}", _pesel),
    "nip": _kind(
        "NIP", r"(?:PL ?)?[0-9]{10}|[0-9]{3}-[0-9]{3}-[0-9]{2}-[0-9]{2}|[0-9]{3}-[0-9]{2}-[0-9]{2}-[0-9]{3}",
        nip.is_valid, r"NIP|VAT(?: no| ID)?|numer identyfikacji podatkowej",
    ),
    "regon": _kind("REGON", r"[0-9]{9}|[0-9]{14}", regon.is_valid, "REGON"),
    "ssn": _kind(
        saying("US social security number"), r"[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{9}", ssn.is_valid,
        r"SSNs?|social security(?: numbers?| no)?",
    ),
    "idnr": _kind(
        saying("German tax id"), r"[0-9]{2} [0-9]{3} [0-9]{3} [0-9]{3}|[0-9]{11}", idnr.is_valid,
        r"IdNr|Steuer-?(?:ID|Identifikationsnummer)|tax id|TIN",
    ),
    "nir": _kind(
        saying("French NIR"), r"[12] ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}",
        nir.is_valid,
    ),
    "dni": _kind(
        saying("Spanish DNI or NIE"), r"(?:[0-9]{8}|[XYZ][0-9]{7})-?[A-HJ-NP-TV-Z]",
        lambda number: dni.is_valid(number) or nie.is_valid(number),
    ),
    "codice_fiscale": _kind(
        "Codice Fiscale", r"[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]",
        codicefiscale.is_valid,
    ),
    "bsn": _kind(
        saying("Dutch BSN"), r"[0-9]{9}|[0-9]{4}\.[0-9]{2}\.[0-9]{3}", bsn.is_valid, "BSN|burgerservicenummer"
    ),
    "nn": _kind(saying("Belgian national number"), r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}", nn.is_valid),
    "rc": _kind("rodné číslo", r"[0-9]{6}/[0-9]{3,4}", rc.is_valid),
    "personnummer": _kind("personnummer", r"(?:19|20)?[0-9]{6}[\-+][0-9]{4}", personnummer.is_valid),
    "ahv": _kind(saying("Swiss AHV number"), r"756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}", ahv.is_valid),
    "nhs": _kind(saying("NHS number"), r"[0-9]{3} [0-9]{3} [0-9]{4}|[0-9]{10}", nhs.is_valid, "NHS(?: no| number)?"),
    "cpf": _kind("CPF", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}|[0-9]{11}", cpf.is_valid, "CPF"),
}  # fmt: skip

_ANY = r"(?=[^\s]*[0-9][^\s]*[0-9][^\s]*[0-9])[A-Za-z0-9]+(?:[./+\-][A-Za-z0-9]+)*"
_LIBRARY = re.compile(r"([a-z]{2})\.([a-z0-9_]+)")


def kind(name: str) -> Kind | None:
    """One of KINDS, or a country's number that python-stdnum knows, like fi.hetu: written without blanks there."""
    if name in KINDS:
        return KINDS[name]
    parts = _LIBRARY.fullmatch(name)
    module = _module(*parts.groups()) if parts else None
    return _kind(name, _ANY, module.is_valid) if module else None


def _module(country: str, name: str) -> ModuleType | None:
    found: object = get_cc_module(country, name)
    return found if isinstance(found, ModuleType) and hasattr(found, "is_valid") else None
