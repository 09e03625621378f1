"""What a table of this size, in this time, is worth: sizes, lengths, space, proposer.

Everything here follows from the table and the settings alone, never from a clock, so
that the same call plans the same search.
"""

import math
from dataclasses import dataclass

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Config
from thalweg.spaces import Space
from thalweg.spaces.presets import portfolio, tabular

PRESETS = ("fast", "balanced", "best")
ROUNDS = 64  # judgements in a full training
PATIENCE = 8.0  # rounds …
RATIO = 1.0  # … and as long again as the best took


@dataclass(frozen=True)
class Facts:
    """What a plan depends on."""

    rows: int  # of the smallest training part
    numeric: int
    categorical: int
    outputs: int
    task: str
    splits: int
    seconds: float  # inf: only trials are limited


@dataclass(frozen=True)
class Plan:
    """How one search trains."""

    space: Space
    starts: tuple[Config, ...]  # what a search begins with
    batch_size: int
    epochs: float  # of a full training
    round_steps: int  # after which a member is judged
    proposer: str
    # judgements in a full training, if its length is to be fitted to the time
    rounds: int | None = None

    @property
    def horizon(self) -> int:
        """Steps of a full training."""
        return self.round_steps * ROUNDS


def plan(facts: Facts, *, preset: str, proposer: str | None) -> Plan:
    """The plan for a table; `preset` trades time for size."""
    if preset not in PRESETS:
        raise InvalidInput(
            f"`preset` must be one of {', '.join(PRESETS)}, but got {preset!r}."
        )
    batch = batch_size(facts.rows)
    width = _width(facts, preset)
    steps = _steps(facts, preset, batch, width)
    per_epoch = facts.rows / batch
    space = _space(facts, preset, width)
    return Plan(
        space=space,
        starts=tuple(portfolio(space)),
        batch_size=batch,
        epochs=steps / per_epoch,
        round_steps=max(1, round(steps / ROUNDS)),
        proposer=proposer or "gp",
    )


def batch_size(rows: int) -> int:
    """About a fiftieth of the rows, a power of two from 32 to 512; never above them."""
    power = 2 ** round(math.log2(max(1, rows / 50)))
    return min(rows, max(32, min(512, power)))


def _width(facts: Facts, preset: str) -> int:
    """Units of a layer: small tables don't fill wide ones, which cost the square."""
    small = facts.rows < 5_000
    return {
        "fast": 64,
        "balanced": 64 if small else 128,
        "best": 128 if small else 256,
    }[preset]


def _embedding_size(facts: Facts) -> int:
    """Units per numeric column: fewer where columns are many."""
    return 8 if facts.numeric <= 24 else 4 if facts.numeric <= 100 else 2


def _steps(facts: Facts, preset: str, batch: int, width: int) -> int:
    """Steps of a full training: enough epochs, but several members within the time."""
    epochs = {"fast": 100, "balanced": 250, "best": 400}[preset]
    steps = min(epochs * facts.rows / batch, 8000)
    steps = max(steps, 800)
    if math.isfinite(facts.seconds):
        units = facts.numeric * _embedding_size(facts) + 2 * facts.categorical
        work = 6 * batch * width * (units + 3 * width + facts.outputs)
        step_seconds = 5e-5 + work / 3e10  # of one member on one core
        members = 6 * facts.splits  # that should fit at the least, on two cores
        steps = min(steps, max(400, facts.seconds * 1.2 / members / step_seconds))
    return round(steps)


def _space(facts: Facts, preset: str, width: int) -> Space:
    networks: tuple[str, ...] = ("tabm", "mlp", "resmlp")
    embeddings: tuple[str, ...] = ("natural", "identity")
    if preset == "fast" or facts.seconds < 30:
        networks, embeddings = ("mlp",), ("natural",)
    elif facts.seconds <= 150:
        networks, embeddings = ("tabm", "mlp"), ("natural",)
    if facts.numeric > 300:
        embeddings = ("identity",)
    return tabular(
        task=facts.task,
        numeric=facts.numeric > 0,
        networks=networks,
        widths=(width,),
        embeddings=embeddings,
        embedding_size=_embedding_size(facts),
        depth=4 if preset == "best" else 3,
    )
