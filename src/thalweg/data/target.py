"""Read the column to predict: which task it is, which rows have it, what it holds.

Scikit-learn's estimator contract looks for its words in some of the errors; they are
kept.
"""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from thalweg.core.errors import DataError
from thalweg.data.classes import Classes
from thalweg.data.column import HUGE
from thalweg.data.task import Task, check_task, infer_task, parsed_target
from thalweg.data.values import factorized
from thalweg.data.wording import listed, rows

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Target:
    """A target that can be learnt from."""

    values: np.ndarray  # int32 codes of `classes`, or float64 numbers
    task: Task
    classes: Classes | None  # None for regression
    rows: Int[np.ndarray, "n"]  # positions of the rows that have a target
    notes: tuple[str, ...]


def as_target(y: Any, *, owner: str = "the model") -> "pd.Series":
    """`y` as a Series, named "target" unless it has a name; column vectors too."""
    import pandas as pd

    if y is None:
        raise DataError(f"{owner} requires y to be passed, but the target y is None.")
    if isinstance(y, pd.DataFrame) and y.shape[1] == 1:
        _warn_column_vector()
        y = y.iloc[:, 0]
    if isinstance(y, pd.Series):
        series = y.reset_index(drop=True)
    else:
        series = pd.Series(_flat(y)).infer_objects()
    if series.dtype.kind == "c":
        raise DataError("Complex data not supported: the target must be real or text.")
    return series.rename("target" if series.name is None else str(series.name))


def _flat(y: Any) -> np.ndarray:
    array = np.asarray(y)
    if array.ndim == 2 and array.shape[1] == 1:
        _warn_column_vector()
        array = array.ravel()
    if array.ndim != 1:
        raise DataError(
            f"y should be a 1d array, got an array of shape {array.shape} instead."
        )
    return array


def _warn_column_vector() -> None:
    from sklearn.exceptions import DataConversionWarning

    warnings.warn(
        "A column-vector y was passed when a 1d array was expected. "
        "Please change the shape of y to (n_samples,), for example using ravel().",
        DataConversionWarning,
        stacklevel=4,
    )


def read_target(series: "pd.Series", task: Task | None = None) -> Target:
    """What there is to learn in a target column; `task=None` has the task inferred.

    Rows without a target are left out and counted in a note. Raises `DataError` where
    nothing can be learnt: no value, one value, one row, numbers where classes are asked
    for.
    """
    name = str(series.name)
    present = _present(series)
    notes = []
    if len(series) == 1:
        raise DataError(
            f"Learning needs at least 2 rows, but target {name!r} has 1 sample."
        )
    if not present.any():
        raise DataError(
            f"The target must have values, but all {rows(len(series))} of {name!r} are "
            "missing. Name another column."
        )
    if task is None:
        task, reason = infer_task(series.where(present))
        other = "regression" if task == "classification" else "classification"
        notes.append(
            f"Task: {task}, because of {name!r} {reason}. Say so if it is {other}."
        )
    check_task(task)
    if task == "classification":
        return _read_classes(series, name, present, notes)
    return _read_numbers(series, name, present, notes)


def _present(series: "pd.Series") -> np.ndarray:
    """Rows whose target is neither missing nor infinite nor beyond ±1e30."""
    import pandas as pd

    present = series.notna().to_numpy(dtype=bool)
    if pd.api.types.is_float_dtype(series.dtype):
        x = series.to_numpy(dtype=float, na_value=np.nan)
        present = present & (np.abs(np.nan_to_num(x, nan=np.inf)) <= HUGE)
    return present


def _dropped(name: str, present: np.ndarray) -> list[str]:
    count = int(np.count_nonzero(~present))
    said = f"Left out {rows(count)} without a finite value of the target {name!r}."
    return [said] if count else []


def _read_numbers(
    series: "pd.Series", name: str, present: np.ndarray, notes: list[str]
) -> Target:
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(series.dtype):
        numbers = parsed_target(series)
        if numbers is None:
            example = series.loc[present].iloc[0]
            raise DataError(
                f"Regression needs numbers, but the target {name!r} holds values such "
                f"as {str(example)!r}. Choose classification or another target."
            )
        series = numbers
        present = _present(series)
    values = series.loc[present].to_numpy(dtype=float)
    if len(values) < 2:
        raise DataError(
            f"Learning needs at least 2 rows, but the target {name!r} has "
            f"{len(values)} sample that is finite."
        )
    if values.min() == values.max():
        raise DataError(
            f"The target must vary, but {name!r} is {values[0]:g} in every row. "
            "Name another column."
        )
    notes += _dropped(name, present)
    return Target(values, "regression", None, np.flatnonzero(present), tuple(notes))


def _read_classes(
    series: "pd.Series", name: str, present: np.ndarray, notes: list[str]
) -> Target:
    import pandas as pd

    series = series.loc[present]
    if pd.api.types.is_float_dtype(series.dtype):
        x = series.to_numpy(dtype=float)
        if (x != np.floor(x)).any():
            raise DataError(
                f"Unknown label type: classes were asked for, but the target {name!r} "
                f"is continuous, such as {x[x != np.floor(x)][0]:g}. Choose regression."
            )
        if not present.all():  # the gaps are why whole numbers came as floats
            series = series.astype(np.int64)
    factorized(series)  # refuses lists and dicts, by name
    classes, codes = Classes.fit_encode(_plain(series))
    counts = np.bincount(codes)
    if len(classes) == 1:
        raise DataError(
            f"Classification needs at least two classes, but the target {name!r} has "
            f"one class: {str(classes.labels[0])!r} in every row. Name another column."
        )
    if counts.max() == 1:
        raise DataError(
            f"Classes need examples in common, but every row of the target {name!r} "
            "has a class of its own (1 sample each). Name another column, or choose "
            "regression."
        )
    notes += _dropped(name, present)
    single = [str(label) for label in classes.labels[counts == 1]]
    if single:
        notes.append(
            f"With 1 example, a class can be learnt but not checked: {listed(single)}."
        )
    return Target(
        codes, "classification", classes, np.flatnonzero(present), tuple(notes)
    )


def _plain(series: "pd.Series") -> np.ndarray:
    """The labels as NumPy holds them, without pandas' own dtypes."""
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype):
        return np.asarray(series.astype(series.cat.categories.dtype))
    if isinstance(series.dtype, pd.api.extensions.ExtensionDtype):
        numeric = pd.api.types.is_numeric_dtype(series.dtype)
        kind = series.dtype.kind if numeric else ""
        whole = {"b": bool, "i": np.int64, "u": np.uint64, "f": np.float64}
        return series.to_numpy(dtype=whole.get(kind, object))
    return series.to_numpy()
