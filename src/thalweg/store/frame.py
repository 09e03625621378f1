"""Trials as a table for pandas."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from thalweg.store.rows import TrialRow

if TYPE_CHECKING:
    import pandas as pd

_NESTED = ("config", "metrics")


def to_frame(trials: Sequence[TrialRow]) -> "pd.DataFrame":
    """One row per trial; configuration and metrics as `config.x`, `metrics.y` columns.

    A parameter that a trial does not have is missing (NaN) in its row.
    """
    import pandas as pd

    plain = [f.name for f in fields(TrialRow) if f.name not in _NESTED]
    records = []
    for row in trials:
        record = {name: getattr(row, name) for name in plain}
        for part in _NESTED:
            nested: Mapping[str, object] = getattr(row, part)
            record |= {f"{part}.{name}": value for name, value in nested.items()}
        records.append(record)
    frame = pd.DataFrame.from_records(records)
    return frame if len(records) else pd.DataFrame(columns=plain)
