"""What actions of other packages are."""

from collections.abc import Mapping, Sequence
from typing import Any

from mailguard.rules.action import ActionSpec


class CompoundAction(ActionSpec):
    """It stands for some of our own actions, so that whatever it does is decided, shown and undone as those are."""

    def means(self) -> Sequence[Mapping[str, Any]]:
        """The actions it stands for, as they could be written in `then`: [{"delay": "5m"}, {"notify": "sender"}]."""
        raise NotImplementedError
