"""Read and prepare tables; nothing here knows of networks.

`load_table` reads a file or takes a frame, finds the task and what each column is;
`Preprocessor.fit` learns scales and levels from the training rows; `TargetScale.fit`
does so for a number to predict. Whatever is repaired on the way is stated in `notes`.
"""

from thalweg.data.classes import Classes
from thalweg.data.column import Column
from thalweg.data.frames import as_frame
from thalweg.data.levels import Levels
from thalweg.data.preprocess import Preprocessor
from thalweg.data.quantiles import quantile_bins
from thalweg.data.reading import Reading, read_table
from thalweg.data.scalers import SCALERS, AbstractScaler
from thalweg.data.schema import Schema
from thalweg.data.table import Table, load_table
from thalweg.data.target import Target, as_target, read_target
from thalweg.data.target_scale import TargetScale, log_like
from thalweg.data.task import TASKS, Task, infer_task

__all__ = [
    "SCALERS",
    "TASKS",
    "AbstractScaler",
    "Classes",
    "Column",
    "Levels",
    "Preprocessor",
    "Reading",
    "Schema",
    "Table",
    "Target",
    "TargetScale",
    "Task",
    "as_frame",
    "as_target",
    "infer_task",
    "load_table",
    "log_like",
    "quantile_bins",
    "read_table",
    "read_target",
]
