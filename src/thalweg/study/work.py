"""What a call of `optimize` takes from its study and gives back to it."""

import math
from typing import TYPE_CHECKING, Any

from thalweg.core.typing import Config
from thalweg.study import worker
from thalweg.study.events import Told
from thalweg.study.trial import Suggestion, Trial

if TYPE_CHECKING:
    from thalweg.study.ask_tell import Study

Batch = list[tuple[Suggestion, Config]]  # with what it held before `f` could change it


class Work:
    """The work there is, for one worker among perhaps many on the same study."""

    def __init__(self, study: "Study", *, total: int | None, catch: Any):
        self._study = study
        self._total = total  # evaluations of the study, all workers' together
        self._catch = catch
        self._left_to_me = True  # what a journal of one process holds is its own

    def given(self) -> list[Suggestion]:
        """What this worker has been given before, and does not evaluate yet."""
        me, ledger = self._study._worker, self._study.ledger
        mine = [asked for asked in ledger.pending.values() if asked.worker == me]
        return [self._study._suggestion(asked) for asked in mine]

    def left_behind(self) -> list[Suggestion]:
        """What workers that are gone have left: from now on this one's."""
        if not self._left_to_me and not self._study._replica.shared:
            return []
        self._left_to_me = False
        me = self._study._worker
        names = {asked.worker for asked in self._study.ledger.pending.values()} - {me}
        gone = {name for name in names if worker.gone(name)}
        return self._study._claim(lambda asked: asked.worker in gone) if gone else []

    def ask(self, n: int) -> list[Suggestion]:
        """Up to `n` new ones; none at the limit, or while others are waited for."""
        return self._study._ask(n, self._total)

    def tell(
        self, batch: Batch, result: Any, seconds: float, error: str
    ) -> list[Trial]:
        """Records what the objective gave; not what another worker has told before."""
        goals, each = self._study.goals, seconds / len(batch)
        values = [goals.nothing() for _ in batch]
        if not error:
            try:
                values = self._study._values([given for given, _ in batch], result)
            except self._catch as caught:
                error = f"{type(caught).__name__}: {caught}"
        return self._study._record(
            [
                Told(given, config, value, each, error)
                for (given, config), value in zip(batch, values, strict=True)
            ],
            drop=True,
        )

    def ended(self) -> bool:
        """Whether somebody has called `stop`."""
        return self._study._stop.is_set()

    def waits(self) -> bool:
        """Whether others' losses are waited for; reads what they have told."""
        if not self._study._replica.shared:
            return False
        self._study.refresh()
        ledger = self._study.ledger
        most = math.inf if self._total is None else self._total
        return (
            len(ledger.pending) > 0 and len(ledger.trials) + len(ledger.pending) < most
        )
