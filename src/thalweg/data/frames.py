"""A DataFrame out of whatever a caller holds, with scikit-learn's words where it fails.

The estimators' contract (`sklearn.utils.estimator_checks`) looks for phrases such as
"Reshape your data", "0 sample(s)" and "Complex data not supported"; they are kept here.
"""

from collections import Counter
from numbers import Integral
from typing import TYPE_CHECKING, Any

from thalweg.core.errors import DataError, WrongType
from thalweg.data.wording import listed

if TYPE_CHECKING:
    import pandas as pd

_NESTED = "list, dict, set, tuple, frozenset, ndarray, Series, DataFrame"
_NESTED_NAMES = frozenset(_NESTED.split(", "))


def as_frame(X: Any) -> "pd.DataFrame":
    """`X` as a DataFrame whose columns have text names, all different.

    Arrays and lists of rows get the names x0, x1, …; a frame is not copied, and never
    changed. Anything with a `to_pandas` method (polars, pyarrow) is taken too.
    """
    import pandas as pd

    if isinstance(X, pd.DataFrame):
        frame = X.copy(deep=False)
    elif hasattr(X, "to_pandas") and not isinstance(X, pd.Series):
        frame = X.to_pandas()
    else:
        frame = _from_array(X)
    frame.columns = [str(name) for name in frame.columns]
    frame = frame.reset_index(drop=True)
    _check(frame)
    return frame


def is_named(X: Any) -> bool:
    """Whether the columns of `X` have names of their own, so that order is free."""
    import pandas as pd

    if isinstance(X, pd.DataFrame):
        return not all(isinstance(name, Integral) for name in X.columns)
    fields = getattr(getattr(X, "dtype", None), "names", None)
    return hasattr(X, "to_pandas") or bool(fields)


def column_of(frame: "pd.DataFrame", name: str) -> "pd.Series":
    """One column of a frame whose names are all different."""
    return frame[name]  # pyright: ignore[reportReturnType]


def refuse_nested(name: str, values: Any) -> None:
    """Raise if an object column holds lists, dicts, arrays or the like."""
    kinds = Counter(map(type, values))
    for kind in kinds:
        if kind is complex or kind.__name__.startswith("complex"):
            raise DataError(
                f"Complex data not supported, but column {name!r} holds complex "
                "numbers. Give real and imaginary parts as two columns."
            )
        if kind.__name__ in _NESTED_NAMES:
            cell = next(value for value in values if type(value) is kind)
            shown = repr(cell) if len(repr(cell)) <= 60 else repr(cell)[:57] + "..."
            raise WrongType(
                "A cell or argument must be a string, a number, a date or a boolean, "
                f"but column {name!r} holds cells of type {kind.__name__}, such as "
                f"{shown}. Spread it over columns of its own, or drop it."
            )


def _from_array(X: Any) -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    if hasattr(X, "tocsr") or type(X).__module__.startswith("scipy.sparse"):
        raise WrongType(
            "Sparse data is not supported: a table must be dense, but got "
            f"{type(X).__name__}. Convert it with X.toarray()."
        )
    try:
        array = np.asarray(X)
    except ValueError:  # rows of different lengths
        array = None
    if array is not None and array.dtype.names:
        return pd.DataFrame(array.ravel())
    if array is None or array.ndim != 2:
        shape = "rows of different lengths" if array is None else f"shape {array.shape}"
        raise DataError(
            f"A table must be a 2D array, rows by columns, but got {shape}. Reshape "
            "your data with X.reshape(-1, 1) if it is a single column, or "
            "X.reshape(1, -1) if it is a single row."
        )
    if array.dtype.kind in "US" and not isinstance(X, np.ndarray):
        # NumPy turned the numbers of mixed rows into text; take the cells as they are
        rows = list(X)
        if rows and isinstance(rows[0], list | tuple):
            array = np.array([[cell for cell in row] for row in rows], dtype=object)
    frame = pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])
    return frame.infer_objects() if array.dtype == object else frame


def _check(frame: "pd.DataFrame") -> None:
    shape = f"(shape={frame.shape})"
    if frame.shape[1] == 0:
        raise DataError(f"X has 0 feature(s) {shape} while a minimum of 1 is required.")
    if frame.shape[0] == 0:
        raise DataError(f"X has 0 sample(s) {shape} while a minimum of 1 is required.")
    twice = [name for name, count in Counter(frame.columns).items() if count > 1]
    if twice:
        raise DataError(
            "Columns need names of their own, but more than one is called "
            f"{listed(twice)}. Rename them."
        )
    for name, dtype in zip(frame.columns, frame.dtypes, strict=True):
        if getattr(dtype, "kind", "") == "c":
            raise DataError(
                f"Complex data not supported, but column {name!r} holds complex "
                "numbers. Give real and imaginary parts as two columns."
            )
        if type(dtype).__name__ == "SparseDtype":
            raise WrongType(
                f"Sparse data is not supported, but column {name!r} is sparse. "
                "Convert the table with frame.sparse.to_dense()."
            )
