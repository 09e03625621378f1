"""What images of this size and number are worth: space, length, splits."""

from thalweg.automl.plan import Plan, batch_size
from thalweg.data.images import ImageSet
from thalweg.evaluation import Splits, hold_out, k_fold
from thalweg.evaluation.splits import usual_folds
from thalweg.spaces.presets import image_portfolio, images

ROUNDS = 24  # judgements in a full training
EPOCHS = {"fast": 10.0, "balanced": 24.0, "best": 48.0}
_LEAST_STEPS = 600  # of a full training: few images are seen more often
_BATCH = 128  # rows at most
_CROSS_VALIDATED_BELOW = {"fast": 0, "balanced": 2_000, "best": 5_000}  # images
_MOST_SCORED = 3_000  # images that a hold-out keeps for scoring


def image_splits(data: ImageSet, preset: str, seed: int) -> Splits:
    """Folds for few images; else a fifth held out, from 5,000 on a tenth.

    A judgement of all of these, 3,000 at most, costs a twelfth of an epoch or less. As
    for tables, a class with a single image is trained on and not scored.
    """
    codes = data.target if data.task == "classification" else None
    n = len(data)
    if n < _CROSS_VALIDATED_BELOW[preset]:
        return k_fold(n, codes, k=usual_folds(n, codes), seed=seed)
    fraction = min(0.2 if n < 5_000 else 0.1, _MOST_SCORED / n)
    return hold_out(n, codes, fraction=fraction, seed=seed)


def image_plan(
    data: ImageSet, splits: Splits, *, preset: str, proposer: str | None
) -> Plan:
    """The plan for images, where nothing limits the time; `pace` shortens it."""
    rows = min(len(train) for train in splits.train)
    batch = min(_BATCH, batch_size(rows))
    steps = max(_LEAST_STEPS, EPOCHS[preset] * rows / batch)
    side, colour = min(data.form.shape[:2]), data.form.channels > 1
    widths = {"fast": (16,), "balanced": (16, 24), "best": (16, 24, 32)}[preset]
    space = images(
        task=data.task,
        side=side,
        colour=colour,
        networks=("plain",) if preset == "fast" else ("plain", "residual"),
        widths=widths,
        blocks=(1, 2) if preset != "best" else (1, 2, 3),
    )
    round_steps = max(1, round(steps / ROUNDS))
    return Plan(
        space=space,
        starts=tuple(image_portfolio(space, task=data.task, side=side, colour=colour)),
        batch_size=batch,
        epochs=round_steps * ROUNDS * batch / rows,
        round_steps=round_steps,
        proposer=proposer or "gp",
        rounds=ROUNDS,
    )
