"""Which rows train and which rows score: hold-out, k-fold, and the choice of them.

Classes are spread evenly over the parts. A class of two rows or more is in every
training part, and a class with a single row is only ever trained on: no part scores it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped

from thalweg.core.errors import DataError, InvalidInput

Rows = Int[np.ndarray, " n"]

_MOST_VALIDATION_ROWS = 20_000
_CROSS_VALIDATED_BELOW = {"fast": 1_000, "balanced": 10_000, "best": 30_000}
_REPEATED_BELOW = 300  # rows
_REPEATS = {"fast": 1, "balanced": 2, "best": 4}
_FOLDS = 5


@dataclass(frozen=True)
class Splits:
    """Row numbers of the training and the validation part of each split."""

    train: tuple[Rows, ...]
    validation: tuple[Rows, ...]
    kind: str  # "hold_out" or "cross_validation"
    folds: int = 1
    repeats: int = 1

    def __len__(self) -> int:
        return len(self.train)

    def __iter__(self) -> Iterator[tuple[Rows, Rows]]:
        """Pairs of training and validation rows."""
        return iter(zip(self.train, self.validation, strict=True))

    @property
    def rows(self) -> Rows:
        """The rows that are scored, in order: what `out_of_fold` has a row for."""
        return np.unique(np.concatenate(self.validation))

    def out_of_fold(
        self, predictions: Sequence[Shaped[np.ndarray, "nv *c"]]
    ) -> Float[np.ndarray, "n *c"]:
        """One prediction for each of `rows`: the mean over repeats.

        `predictions` are of each split's validation rows, in their order.
        """
        rows = self.rows
        first = np.asarray(predictions[0])
        total = np.zeros((len(rows), *first.shape[1:]), np.result_type(first, 0.0))
        times = np.zeros(len(rows), first.dtype)
        for part, values in zip(self.validation, predictions, strict=True):
            at = np.searchsorted(rows, part)
            total[at] += values
            times[at] += 1
        return total / times.reshape(-1, *[1] * (total.ndim - 1))

    def describe(self) -> str:
        """How the score was made, in words."""
        if self.kind == "hold_out":
            return f"hold-out of {len(self.validation[0]):,} rows"
        again = f", {self.repeats} times" if self.repeats > 1 else ""
        return f"{self.folds}-fold cross-validation{again}"


def hold_out(
    n: int, y: Rows | None = None, *, fraction: float = 0.2, seed: int = 0
) -> Splits:
    """One split that scores `fraction` of the `n` rows.

    **y**: class codes, to spread the classes evenly; None for regression.

    Raises InvalidInput if a part would be empty.
    """
    if not 0 < fraction < 1:
        raise InvalidInput(
            f"`fraction` must lie between 0 and 1, but got {fraction}. 0.2 is usual."
        )
    rng = np.random.default_rng(seed)
    order, classes = _by_class(n, y, rng)
    if y is not None and len(order):  # one row of each class stays for training
        first = np.flatnonzero(np.diff(classes, prepend=classes[0] - 1))
        order = np.delete(order, first)
    size = min(max(1, round(fraction * n)), len(order), n - 1)
    if size < 1:
        raise _too_few_rows(n, needed=2)
    every = len(order) / size  # a systematic sample: even over the classes
    chosen = (np.arange(size) + rng.uniform()) * every
    validation = np.sort(order[chosen.astype(int)])
    return Splits(
        train=(np.setdiff1d(np.arange(n), validation),),
        validation=(validation,),
        kind="hold_out",
    )


def k_fold(
    n: int, y: Rows | None = None, *, k: int = 5, seed: int = 0, repeats: int = 1
) -> Splits:
    """`k` splits per repeat, each of which scores another k-th of the rows.

    **y**: class codes, to spread the classes evenly; None for regression.

    Raises InvalidInput if there are fewer rows to score than folds.
    """
    if k < 2 or repeats < 1:
        raise InvalidInput(
            "`k_fold` needs k >= 2 and repeats >= 1, but got "
            f"k={k}, repeats={repeats}. For a single split use `hold_out`."
        )
    rng = np.random.default_rng(seed)
    train, validation = [], []
    for _ in range(repeats):
        order, _classes = _by_class(n, y, rng)
        if len(order) < k:
            raise _too_few_rows(len(order), needed=k)
        # neighbours go to different folds, so a class of two rows is in two of them
        number = rng.permutation(k)[np.arange(len(order)) % k]
        for fold in range(k):
            part = np.sort(order[number == fold])
            validation.append(part)
            train.append(np.setdiff1d(np.arange(n), part))
    return Splits(tuple(train), tuple(validation), "cross_validation", k, repeats)


def choose_splits(
    n: int, task: str, y: Rows | None = None, preset: str = "balanced", *, seed: int = 0
) -> Splits:
    """The splits that a table of `n` rows deserves.

    Choosing the best of many trials by a small validation part picks the luckiest, so
    a small table is cross-validated, and a very small one repeatedly. A large one holds
    out a fraction that shrinks as it grows: 2,000 of 10,000 rows, 10,000 of 100,000,
    never more than 20,000. `preset`: fast, balanced or best.
    """
    if preset not in _REPEATS:
        known = ", ".join(_REPEATS)
        raise InvalidInput(f"`preset` must be one of {known}, but got {preset!r}.")
    y = y if task == "classification" else None
    if n < _CROSS_VALIDATED_BELOW[preset]:
        repeats = _REPEATS[preset] if n < _REPEATED_BELOW else 1
        return k_fold(n, y, k=usual_folds(n, y), seed=seed, repeats=repeats)
    fraction = 0.2 * min(1.0, (n / 10_000) ** -0.3)
    fraction = min(fraction, _MOST_VALIDATION_ROWS / n)
    return hold_out(n, y, fraction=fraction, seed=seed)


def usual_folds(n: int, y: Rows | None = None) -> int:
    """Five, or as many as there are rows to score where those are fewer."""
    scored = n if y is None else len(_by_class(n, y, np.random.default_rng(0))[0])
    return max(2, min(_FOLDS, scored))


def _by_class(n: int, y: Rows | None, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """The rows that may be scored, shuffled within their class, classes together.

    Also the class of each, in the same order.
    """
    shuffled = rng.permutation(n)
    if y is None:
        return shuffled, np.zeros(n, int)
    if len(y) != n:
        raise InvalidInput(f"`y` needs {n} class codes, but got {len(y)}.")
    _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    order = shuffled[np.argsort(codes[shuffled], kind="stable")]
    order = order[counts[codes[order]] > 1]
    return order, codes[order]


def _too_few_rows(rows: int, needed: int) -> DataError:
    fewer = ", or ask for fewer folds" if needed > 2 else ""
    return DataError(
        f"Scoring a model needs at least {needed} rows (a class with a single row "
        f"doesn't count), but got {rows}. Give more rows{fewer}."
    )
