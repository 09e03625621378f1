"""The tables that `search.py` prints, from records of searches."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from search_peers import PEERS
from search_tasks import Task

MARKS = {
    "nas": (25, 50, 100),
    "hpo": (25, 50, 100, 200),
    "functions": (25, 50, 100, 200),
}
TITLES = {
    "nas": "Tables of architectures",
    "hpo": "Tables of recipes",
    "functions": "Functions",
}
QUERIES = (50, 100, 150, 300)
# Local search with restarts on another version of the table, whose optima are 91.57,
# 73.26 and 47.33; here, as means of the trainings, they are 91.61, 73.49 and 46.73.
LITERATURE = {
    "cifar10": (91.06, 91.30, 91.39, 91.48),
    "cifar100": (72.51, 73.02, 73.17, 73.25),
    "ImageNet16_120": (46.28, 46.72, 46.89, 47.09),
}

Curves = dict[tuple[str, str], dict[int, np.ndarray]]  # method, task -> seed -> curve


def curves(results: list[dict[str, Any]], arena: list[Task]) -> Curves:
    """The incumbent's loss after each evaluation."""
    known = {task.name for task in arena}
    found: Curves = defaultdict(dict)
    for r in results:
        if r.get("task") in known and "incumbents" in r:
            steps = np.array(r["incumbents"])
            at = np.searchsorted(
                steps[:, 0], np.arange(1, r["evaluations"] + 1), "right"
            )
            found[r["method"], r["task"]][r["seed"]] = steps[at - 1, 1]
    return found


def summarise(results: list[dict[str, Any]], arena: list[Task]) -> str:
    """All tables, as Markdown."""
    found = curves(results, arena)
    methods = list(dict.fromkeys(r["method"] for r in results))
    methods.sort(key=lambda m: (m in PEERS, list(PEERS).index(m) if m in PEERS else 0))
    parts = [queries_table(found, methods)]
    for group in TITLES:
        chosen = [task for task in arena if task.group == group]
        if chosen:
            parts.append(regret_table(found, methods, chosen))
            parts.append(wins_table(found, methods, chosen))
            parts.append(task_table(found, methods, chosen))
    parts.append(overhead_table(results, methods))
    return "\n".join(part for part in parts if part)


def _regrets(found: Curves, method: str, task: Task, mark: int) -> np.ndarray:
    """One regret per seed after `mark` evaluations."""
    seeds = found.get((method, task.name), {})
    return np.array([task.benchmark.regret(seeds[s][mark - 1]) for s in sorted(seeds)])


def _spread(values: np.ndarray) -> float:
    """The standard error of the mean; unknown from one value."""
    return values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan


def _shown(mean: float, error: float, digits: int) -> str:
    mean = round(mean, digits) + 0.0  # no minus before a zero
    return f"{mean:.{digits}f}" + (f" ± {error:.{digits}f}" if error == error else "")


def _of(values: np.ndarray, digits: int) -> str:
    return _shown(float(values.mean()), float(_spread(values)), digits)


def regret_table(found: Curves, methods: list[str], chosen: list[Task]) -> str:
    """Mean over tasks of the mean over seeds, with its standard error."""
    marks = MARKS[chosen[0].group]
    title = TITLES[chosen[0].group]
    lines = [
        f"\n### {title}: normalised regret, mean of {len(chosen)} tasks\n",
        "| method | seeds | " + " | ".join(f"after {m}" for m in marks) + " |",
        "| --- " * (len(marks) + 2) + "|",
    ]
    for method in methods:
        counts = [len(found.get((method, t.name), {})) for t in chosen]
        if not min(counts):
            continue
        cells = []
        for mark in marks:
            values = [_regrets(found, method, t, mark) for t in chosen]
            mean = np.mean([v.mean() for v in values])
            error = np.sqrt(np.sum([_spread(v) ** 2 for v in values])) / len(chosen)
            cells.append(_shown(float(mean), float(error), 3))
        low, high = min(counts), max(counts)
        seeds = f"{low}" if low == high else f"{low}-{high}"
        lines.append(f"| {method} | {seeds} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def wins_table(found: Curves, methods: list[str], chosen: list[Task]) -> str:
    """On how many tasks the mean regret of ours is lower, and higher, than a peer's."""
    marks = MARKS[chosen[0].group]
    ours = [m for m in methods if m not in PEERS]
    peers = [m for m in methods if m in PEERS]
    if not ours or not peers:
        return ""
    lines = [
        "\nTasks won and lost by the mean; in brackets those that two standard errors "
        "of the difference tell apart.\n",
        "| ours | peer | " + " | ".join(f"after {m}" for m in marks) + " |",
        "| --- " * (len(marks) + 2) + "|",
    ]
    for method in ours:
        if not any((method, task.name) in found for task in chosen):
            continue
        for peer in peers:
            cells = []
            for mark in marks:
                pairs = [
                    (_regrets(found, method, t, mark), _regrets(found, peer, t, mark))
                    for t in chosen
                ]
                pairs = [(a, b) for a, b in pairs if len(a) and len(b)]
                gaps = np.array([b.mean() - a.mean() for a, b in pairs])
                errors = np.array([np.hypot(_spread(a), _spread(b)) for a, b in pairs])
                clear = np.abs(gaps) > 2 * errors  # never where an error is unknown
                cells.append(
                    f"{(gaps > 0).sum()} : {(gaps < 0).sum()} "
                    f"({(clear & (gaps > 0)).sum()} : {(clear & (gaps < 0)).sum()})"
                )
            lines.append(f"| {method} | {peer} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def task_table(found: Curves, methods: list[str], chosen: list[Task]) -> str:
    """Each task at the last mark."""
    mark = MARKS[chosen[0].group][-1]
    shown = [m for m in methods if any((m, t.name) in found for t in chosen)]
    lines = [
        f"\nEach task after {mark} evaluations.\n",
        "| task | " + " | ".join(shown) + " |",
        "| --- " * (len(shown) + 1) + "|",
    ]
    for task in chosen:
        cells = []
        for method in shown:
            values = _regrets(found, method, task, mark)
            cells.append(_of(values, 3) if len(values) else "–")
        lines.append(f"| {task.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def queries_table(found: Curves, methods: list[str]) -> str:
    """NAS-Bench-201's validation accuracy, as its papers print it."""
    head = "| data set | method | seeds | "
    lines = [
        "\n### NAS-Bench-201: mean best validation accuracy after so many queries\n",
        head + " | ".join(map(str, QUERIES)) + " |",
        "| --- " * (len(QUERIES) + 3) + "|",
    ]
    for dataset, published in LITERATURE.items():
        cells = [f"{v:.2f}" for v in published]
        lines.append(
            f"| {dataset} | local search, 300 seeds, another version of the table | | "
            + " | ".join(cells)
            + " |"
        )
        for method in methods:
            seeds = found.get((method, f"nasbench201 {dataset} validation"), {})
            long = [c for c in seeds.values() if len(c) >= QUERIES[-1]]
            if not long:
                continue
            best = 100 - np.array(long)[:, np.array(QUERIES) - 1]
            cells = [_of(v, 2) for v in best.T]
            lines.append(f"| | {method} | {len(long)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) if len(lines) > 3 + len(LITERATURE) else ""


def overhead_table(results: list[dict[str, Any]], methods: list[str]) -> str:
    """Milliseconds per suggestion."""
    found = {(r["method"], r["told"]): r for r in results if "told" in r}
    if not found:
        return ""
    counts = (100, 1000, 10_000)
    lines = [
        "\n### Milliseconds of processor time per suggestion, asked and told\n",
        "| method | "
        + " | ".join(f"one at a time, {n:,} told" for n in counts)
        + " | "
        + " | ".join(f"batches of 16, {n:,} told" for n in counts)
        + " |",
        "| --- " * 7 + "|",
    ]
    for method in methods:
        if not any(key[0] == method for key in found):
            continue
        values = [
            found.get((method, n), {}).get(kind)
            for kind in ("single ms", "batch ms")
            for n in counts
        ]
        cells = [
            "–" if v is None else f"{v:.2g}" if v < 10 else f"{v:.0f}" for v in values
        ]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
