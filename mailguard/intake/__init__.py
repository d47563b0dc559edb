"""Mail comes in: facts, verdict, and one commit of everything that was decided."""

from mailguard.intake.accept import Intake
from mailguard.intake.again import Again
from mailguard.intake.alarm import Alarm
from mailguard.intake.facts import gather
from mailguard.intake.familiar import Acquaintances
from mailguard.intake.judge import IntakeSettings, Judge
from mailguard.intake.ledgers import Ledgers

__all__ = ["Acquaintances", "Again", "Alarm", "Intake", "IntakeSettings", "Judge", "Ledgers", "gather"]
