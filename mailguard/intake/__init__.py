"""Mail comes in: facts, verdict, and one commit of everything that was decided."""

from mailguard.intake.accept import Intake, IntakeSettings
from mailguard.intake.facts import gather

__all__ = ["Intake", "IntakeSettings", "gather"]
