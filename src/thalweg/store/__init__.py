"""Where a study lives: rows in a database, weights and settings in plain files.

The store knows rows only: never a proposer, a network or a search space.

    with Store.create("run", StudyRow(seed=0)) as store:
        name = store.rundir.save_weights(0, {"kernel": kernel})
        trial = TrialRow(number=0, config={"depth": 2}, score=0.9, weights=name)
        store.record(Round(number=0, trials=[trial]))
    Store.open("run").trials()
"""

from thalweg.store.frame import to_frame
from thalweg.store.rows import STATUSES, CurveRow, EventRow, Round, StudyRow, TrialRow
from thalweg.store.rundir import RunDir
from thalweg.store.store import Store
from thalweg.store.weights import load_arrays, pack, save_arrays, unpack, write_atomic

__all__ = [
    "STATUSES",
    "CurveRow",
    "EventRow",
    "Round",
    "RunDir",
    "Store",
    "StudyRow",
    "TrialRow",
    "load_arrays",
    "pack",
    "save_arrays",
    "to_frame",
    "unpack",
    "write_atomic",
]
