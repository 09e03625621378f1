"""Whether a target asks for classes or for a number, and why that was concluded."""

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from thalweg.core.errors import InvalidInput
from thalweg.data.numbers import decimal_sign, parse_numbers

if TYPE_CHECKING:
    import pandas as pd

Task: TypeAlias = Literal["classification", "regression"]
TASKS: tuple[Task, ...] = ("classification", "regression")

_FEW = 20  # distinct whole numbers that may be classes without looking like codes
_MANY = 1000  # codes 0, 1, 2, … that may be classes
_ROWS_PER_CLASS = 5


def check_task(task: Any) -> Task:
    """`task` itself, or the error that names the two there are."""
    if task not in TASKS:
        raise InvalidInput(
            f"`task` must be 'classification' or 'regression', but got {task!r}. "
            "Leave it out to have it inferred."
        )
    return task


def infer_task(target: "pd.Series") -> tuple[Task, str]:
    """The task and the reason, from the target's values (missing ones are left out)."""
    import pandas as pd

    kept = target.dropna()
    dtype = kept.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return "classification", "its values are true and false"
    if isinstance(dtype, pd.CategoricalDtype):
        return "classification", "its values are categories"
    if not pd.api.types.is_numeric_dtype(dtype):
        numbers = parsed_target(kept)
        if numbers is None:
            return "classification", "its values are text"
        kept = numbers.dropna()
    x = kept.to_numpy(dtype=float)
    x = x[np.isfinite(x)]
    if (x != np.floor(x)).any():
        return "regression", "its values have decimals"
    distinct, counts = np.unique(x, return_counts=True)
    if len(distinct) <= 2:
        return "classification", f"it has {len(distinct)} different values"
    # a gap turns a column of whole numbers into floats: then they may be classes still
    written_as_float = pd.api.types.is_float_dtype(dtype) and not target.isna().any()
    if written_as_float:
        return "regression", "its values are written as decimal numbers"
    return _whole_numbers(distinct, counts)


def _whole_numbers(distinct: np.ndarray, counts: np.ndarray) -> tuple[Task, str]:
    k, n = len(distinct), counts.sum()
    said = f"it has {k:,} different whole numbers in {n:,} rows"
    if k <= _FEW and k * _ROWS_PER_CLASS <= n:
        return "classification", said
    run = distinct[0] in (0, 1) and distinct[-1] - distinct[0] == k - 1
    if run and k <= _MANY and counts.min() >= _ROWS_PER_CLASS:
        return "classification", f"{said} that run on from {distinct[0]:.0f}"
    return "regression", said


def parsed_target(target: "pd.Series") -> "pd.Series | None":
    """Text as numbers, if nearly all of it is (95 %); `None` otherwise."""
    import pandas as pd

    from thalweg.data.values import factorized

    if pd.api.types.is_datetime64_any_dtype(target.dtype):
        return None
    codes, distinct = factorized(target)
    numbers = parse_numbers(distinct, decimal_sign(distinct))
    numbers = np.append(numbers, np.nan)[codes]
    present = codes >= 0
    if np.count_nonzero(~np.isnan(numbers)) < 0.95 * max(np.count_nonzero(present), 1):
        return None
    return pd.Series(numbers, index=target.index, name=target.name)
