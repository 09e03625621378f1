"""Rules about losses: what the curve of a training says of it.

Curves are noisy, so a rule reads medians of tenths of one, and a change counts only if
it is large beside what there was to be learned: the loss of the best prediction that is
the same for every row, where that is known.

Smith 2018, "A disciplined approach to neural network hyper-parameters", reads learning
rates, over-fitting and under-fitting off the curves in the same way,
https://arxiv.org/abs/1803.09820. The thresholds are ours.
"""

from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any

import numpy as np
from jaxtyping import Float

from thalweg.diagnosis.finding import BROKEN, IMPAIRED, IMPROVABLE, Finding
from thalweg.diagnosis.record import Record
from thalweg.diagnosis.remedies import lower_rate, percent, raise_rate, shown

FEW = 5  # judgements without which a curve has no shape
PARTS = 10  # of a curve, whose medians are compared

MUCH = 0.5  # of the loss at the start, by which it fell …
LOST = 0.5  # … and the share of that fall that is lost again: diverging, not jitter
DOUBLED = 2.0  # loss at the end over that at the start
SCALE = 10.0  # first loss over the constant's: an order of magnitude is no accident
STILL = 0.02  # share of the loss by which it must fall to have moved at all
LEARNED = 0.05  # share of the constant's loss that a fitted network should explain
JITTER = 0.2  # median change from judgement to judgement, as a share of the loss …
MATERIAL = 0.1  # … where the loss is this share of the constant's: it matters
AIMLESS = 0.35  # net change over the length of the path: back and forth
RISE = 0.1  # of the validation loss above its best, as a share of it and …
RISEN = 0.1  # … of the constant's loss: a small loss may wander …
SOARED = 0.5  # … but not by this share of its best
GAP = 0.25  # between validation and training, as a share of the constant's loss …
HALF = 0.5  # … where training has less than this share of validation's loss
FALLING = 0.1  # fall over the last quarter, as a share of the loss …
GAIN = 0.03  # … and of all progress: more steps would pay
STEADY = 0.2  # … or as a share of all progress alone: the curve has not bent yet
CLEAR = 1.5  # … and this many of its changes from one part to the next: not noise


def divergence(record: Record) -> Iterator[Finding]:
    """The loss is not finite, has doubled, or lost half of what it had gained."""
    bad = ~(np.isfinite(record.train_loss) & np.isfinite(record.loss))
    remedy = (
        f"{lower_rate(record, 0.1)}, or clip the gradients: "
        "`optimizers.chain(optimizers.ClipByGlobalNorm(1.0), optimizer)`."
    )
    if bad.any() or record.status == "diverged":
        at = record.step[np.argmax(bad)] if bad.any() else record.step[-1]
        evidence = f"The loss was no longer finite at step {at:.0f}."
        yield Finding("divergence", evidence, remedy, severity=BROKEN)
        return
    if len(record.step) < 2:
        return
    parts = tenths(record.train_loss)
    start, low, end = parts[0], np.minimum.accumulate(parts)[-1], parts[-1]
    gained = start - low
    lost = gained > MUCH * start and end - low > LOST * gained
    if end > DOUBLED * start or lost:
        evidence = (
            f"The training loss began at {shown(start)}, came down to {shown(low)} and "
            f"ended at {shown(end)}."
        )
        yield Finding("divergence", evidence, remedy, severity=BROKEN)


def bad_scale(record: Record) -> Iterator[Finding]:
    """The first loss is far above the constant's: signals are too large at the start.

    Variances are meant to be kept from layer to layer: Glorot & Bengio 2010; He et al.
    2015, https://arxiv.org/abs/1502.01852.
    """
    first, constant = float(record.train_loss[0]), record.constant_loss
    if not first > SCALE * constant > 0:
        return
    yield Finding(
        "bad scale",
        f"The training loss began at {shown(first)}, {shown(first / constant)} times "
        f"that of the best constant prediction ({shown(constant)}).",
        "Scale the inputs, and numbers that are predicted, to mean 0 and variance 1, "
        'and begin with `init="he"`; if they are so, the first steps were too large: '
        "let the rate rise along `schedules.WarmupCosine`.",
        severity=IMPAIRED,
    )


def plateau(record: Record) -> Iterator[Finding]:
    """The loss has hardly moved from where a constant prediction would be."""
    start, end = _first(record.train_loss), last(record.train_loss)
    if not _unlearned(record) or start - end > STILL * start:
        return
    yield Finding(
        "plateau",
        f"From the first judgement to the last the training loss moved from "
        f"{shown(start)} to {shown(end)}; the best constant prediction has "
        f"{shown(record.constant_loss)}.",
        raise_rate(record),
        severity=BROKEN,
    )


def under_fitting(record: Record) -> Iterator[Finding]:
    """The network came down to where a constant prediction is, and no further."""
    start, end = _first(record.train_loss), last(record.train_loss)
    if not _unlearned(record) or start - end <= STILL * start:
        return
    share = 1 - end / record.constant_loss
    beside = f"{percent(share)} below" if share > 0 else "not below"
    yield Finding(
        "under-fitting",
        f"The training loss ended at {shown(end)}, {beside} that of the best constant "
        f"prediction ({shown(record.constant_loss)}).",
        "Use more units in `hidden` and more `epochs`, and less `dropout`, "
        "`weight_decay`, `l1` and `l2`; if nothing helps, the inputs may not tell the "
        "target.",
        severity=IMPAIRED,
    )


def oscillation(record: Record) -> Iterator[Finding]:
    """The loss jumps from judgement to judgement and gets nowhere."""
    if not _of_same_rows(record):
        return
    late = _watched(record)[len(record.step) // 2 :]
    moves = np.diff(late)
    level = float(np.median(late))
    if len(moves) < FEW - 1 or level < MATERIAL * _scale(record):
        return
    jitter = float(np.median(np.abs(moves))) / level
    path = float(np.sum(np.abs(moves)))
    if jitter < JITTER or abs(late[-1] - late[0]) > AIMLESS * path:
        return
    yield Finding(
        "oscillation",
        f"In the second half the {_which(record)} loss changed by {percent(jitter)} of "
        f"its {shown(level)} from one judgement to the next, up and down.",
        f"{lower_rate(record, 0.3)}, let it fall along "
        f"`schedules.Cosine(learning_rate, steps={record.step[-1]:.0f})`, or use a "
        f"larger `batch_size`{_now(record, 'batch_size')}.",
        severity=IMPAIRED,
    )


def over_fitting(record: Record) -> Iterator[Finding]:
    """Validation gets worse while training gets better, or lies far above it."""
    if not record.held_out:
        return
    best = int(np.argmin(record.loss))
    low, end = float(record.loss[best]), last(record.loss)
    train_then, train_now = record.train_loss[best], last(record.train_loss)
    late = record.loss[-max(2, len(record.loss) // 5) :]
    rise, share = float(np.min(late)) - low, RISEN * _scale(record)
    risen = rise > RISE * low and (rise > share or rise > SOARED * low)
    apart = train_now < HALF * end and end - train_now > GAP * record.constant_loss
    if risen and train_now < (1 - RISE) * train_then:
        evidence = (
            f"The validation loss was best at step {record.step[best]:.0f} "
            f"({shown(low)}) and ended at {shown(end)}, while the training loss fell "
            f"from {shown(train_then)} to {shown(train_now)}."
        )
    elif apart:
        evidence = (
            f"The validation loss ended at {shown(end)}, the training loss at "
            f"{shown(train_now)}."
        )
    else:
        return
    yield Finding(
        "over-fitting",
        evidence,
        "Regularize: `dropout=0.2` or more, `optimizers.AdamW(weight_decay=0.1)`, or "
        "fewer units in `hidden`; stop with `patience`; or find more rows"
        f"{_now(record, 'rows')}.",
        severity=IMPAIRED,
    )


def ended_early(record: Record) -> Iterator[Finding]:
    """The loss was still falling when the training came to its limit."""
    if record.status not in ("complete", "cut") or not _of_same_rows(record):
        return
    values = _watched(record)
    parts = tenths(values)
    before, end = np.min(parts[: 1 + 3 * (len(parts) - 1) // 4]), parts[-1]
    fall, progress = before - end, _first(values) - end
    bending = fall > FALLING * end and fall > GAIN * progress
    steady = fall > STEADY * progress > STEADY * STILL * _scale(record)
    clear = fall > CLEAR * np.median(np.abs(np.diff(parts[-FEW:])))
    at_end = np.argmin(values) >= 0.9 * (len(values) - 1)
    if not ((bending or steady) and clear and at_end):
        return
    limit = "`time_limit`" if record.status == "cut" else "`epochs`"
    yield Finding(
        "ended early",
        f"Over the last quarter the {_which(record)} loss still fell from "
        f"{shown(before)} to {shown(end)}.",
        f"Give it more time: twice the {limit}.",
        severity=IMPROVABLE,
    )


Rule = Callable[[Record], Iterator[Finding]]
CURVE_RULES: tuple[Rule, ...] = (
    plateau,
    bad_scale,
    under_fitting,
    oscillation,
    over_fitting,
    ended_early,
)


def tenths(values: Float[np.ndarray, " t"]) -> Float[np.ndarray, " n"]:
    """The medians of ten parts of a curve; of a short one, its values."""
    parts = np.array_split(np.asarray(values, float), min(PARTS, len(values)))
    return np.array([np.median(part) for part in parts])


def last(values: Float[np.ndarray, " t"]) -> float:
    """Where a curve ends: the median of its last tenth, of three values at least."""
    return float(np.median(values[-max(3, len(values) // PARTS) :]))


def _first(values: Float[np.ndarray, " t"]) -> float:
    """Where a curve begins: its first value, or that of its first tenth if higher."""
    return max(float(values[0]), float(tenths(values)[0]))


def _unlearned(record: Record) -> bool:
    """Whether neither training nor validation got below the constant's loss."""
    ends = [last(record.train_loss)]
    if record.held_out:
        ends.append(last(record.loss))
    return min(ends) > (1 - LEARNED) * record.constant_loss


def _scale(record: Record) -> float:
    """What there was to be learned: the constant's loss, or else the first one."""
    if isfinite(record.constant_loss):
        return record.constant_loss
    return float(record.loss[0])


def _watched(record: Record) -> Float[np.ndarray, " t"]:
    """The validation loss, or the training loss if there is none."""
    return record.loss if record.held_out else record.train_loss


def _of_same_rows(record: Record) -> bool:
    """Whether each judgement saw the same rows, so that only the network moves it.

    Those of the validation part are; a training loss is one of whole epochs only.
    """
    if record.held_out:
        return True
    settings: Any = record.settings
    if not {"rows", "batch_size"} <= settings.keys():
        return False
    every = float(record.step[0])
    return every * settings["batch_size"] >= settings["rows"]


def _which(record: Record) -> str:
    return "validation" if record.held_out else "training"


def _now(record: Record, name: str) -> str:
    value = record.settings.get(name)
    return "" if value is None else f" (now {shown(value)})"
