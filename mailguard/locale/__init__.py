"""What people read, in their language: sentences, plural forms, dates, times and sizes.

In code and templates everything stands in English. NAME/LC_MESSAGES/mailguard.po says it in another language.
"""

from mailguard.locale.language import N_, NAMES, SOURCE, Language, Name, language, wanted
from mailguard.locale.sayings import Saying, saying
from mailguard.locale.when import When

__all__ = ["NAMES", "N_", "SOURCE", "Language", "Name", "Saying", "When", "language", "saying", "wanted"]
