"""What became stricter after mail was accepted, and what was stepped aside from: no restart forgets either."""

from mailguard.curbs.bypass import LONGEST, Bypass
from mailguard.curbs.curbs import Curbs
from mailguard.curbs.inforce import InForce
from mailguard.curbs.reasons import Reasons

__all__ = ["LONGEST", "Bypass", "Curbs", "InForce", "Reasons"]
