"""What a report shows of a target: classes with their counts, or a histogram."""

from typing import Any

import numpy as np

from thalweg.data.classes import Classes
from thalweg.data.task import Task

_BINS = 30  # of the histogram


def target_summary(
    name: str, task: Task, target: np.ndarray, classes: Classes | None
) -> dict[str, Any]:
    """Codes of `classes`, or numbers, summed up for JSON."""
    record: dict[str, Any] = {"name": name, "task": task}
    if classes is not None:
        counts = np.bincount(target, minlength=len(classes))
        labels = map(str, classes.labels.tolist())
        shown = [
            {"class": label, "rows": int(n)}
            for label, n in zip(labels, counts, strict=True)
        ]
        return {**record, "classes": shown}
    counts, edges = np.histogram(target, bins=_BINS)
    return {
        **record,
        "mean": float(target.mean()),
        "deviation": float(target.std()),
        "low": float(target.min()),
        "high": float(target.max()),
        "histogram": {"counts": counts.tolist(), "edges": edges.tolist()},
    }
