"""How a search is asked for: whatever decides its result, and nothing else."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from thalweg.automl.plan import PRESETS
from thalweg.core.errors import InvalidInput
from thalweg.evaluation import METRICS
from thalweg.proposers import PROPOSERS


@dataclass(frozen=True)
class Settings:
    """Limits and choices, equal ones for equal searches."""

    time_limit: float | None = 60.0  # seconds
    trials: int | None = None
    seed: int = 0
    cv: int | None = None  # folds; None: by the size of the table
    metric: str | None = None
    preset: str = "balanced"
    proposer: str | None = None
    ensemble: bool = True
    # of images: the longest side, or height and width; None: by the images
    image_size: int | tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.time_limit is None and self.trials is None:
            raise InvalidInput(
                "A search needs a limit: give `time_limit` in seconds, a number of "
                "trials, or both."
            )
        limit = self.time_limit
        if limit is not None and not (limit >= 0 and math.isfinite(limit)):
            raise InvalidInput(
                f"`time_limit` must be a number of seconds >= 0, but got {limit}."
            )
        if self.trials is not None and self.trials < 1:
            raise InvalidInput(f"`trials` must be at least 1, but got {self.trials}.")
        if self.cv is not None and self.cv < 2:
            raise InvalidInput(f"`cv` must be at least 2 folds, but got {self.cv}.")
        if self.preset not in PRESETS:
            raise InvalidInput(
                f"`preset` must be one of {', '.join(PRESETS)}, but got "
                f"{self.preset!r}."
            )
        if self.proposer is not None:
            PROPOSERS[self.proposer]
        if self.metric is not None:
            METRICS[self.metric]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(record: dict[str, Any]) -> "Settings":
        size = record.get("image_size")
        size = tuple(size) if isinstance(size, list) else size
        return Settings(**{**record, "image_size": size})
