"""The tables that `tabular.py` prints, from its lines of JSON.

* rank: 1 is the lowest test loss (log loss, or RMSE) of a table; ties share; a method
  that crashed, was killed or returned NaN shares the last rank.
* normalised score: 1 is the best method of that table, 0 the median one, linear in the
  loss between and cut at 0; failures score 0.
* over the limit: fits longer than the limit by more than 5 % (at least 2 s).

Only tables (and seeds) that every compared method has been run on are counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from tabular_methods import METHODS


def summarise(records: list[dict[str, Any]], *, seconds: float) -> str:
    """The Markdown report over all records of one limit."""
    rows = pd.DataFrame([r for r in records if r["limit"] == seconds])
    if rows.empty:
        return f"No results for a limit of {seconds:g} s."
    for column in ("loss", "accuracy", "fit_seconds", "baseline"):
        rows[column] = rows.get(column, np.nan)
    rows.loc[rows["status"] != "ok", "loss"] = np.nan
    losses = rows.pivot(index=["table", "seed"], columns="method", values="loss")
    run = rows.pivot(index=["table", "seed"], columns="method", values="status")
    losses = losses[[m for m in METHODS if m in losses]]
    run = run[losses.columns]
    neural = [m for m in losses if METHODS[m].neural]
    sections = [
        _ranking("All methods", losses, run, rows, seconds),
        _ranking("Neural methods only", losses[neural], run[neural], rows, seconds),
        _losses(rows, losses),
        _seconds(rows, list(losses)),
        _failures(rows),
    ]
    return "\n\n".join(sections)


def _ranking(
    title: str,
    losses: pd.DataFrame,
    run: pd.DataFrame,
    rows: pd.DataFrame,
    seconds: float,
) -> str:
    complete = run.notna().all(axis=1)
    losses = losses[complete]
    heading = f"## {title}: {len(losses)} of {len(run)} tables complete, limit "
    heading += f"{seconds:g} s"
    if losses.empty or losses.shape[1] < 2:
        missing = {METHODS[m].title: int(run[m].isna().sum()) for m in run}
        return f"{heading}\n\nStill to run (tables): {missing}"
    ranks, scores = _ranks(losses), _scores(losses)
    count = len(losses)
    lines = [
        "| method | mean rank | ± s.e. | normalised score | wins | failed "
        "| median fit s | over the limit |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for m in ranks.mean().sort_values().index:
        own = rows[rows["method"] == m]
        over = own["fit_seconds"] > seconds + max(2.0, 0.05 * seconds)
        kept = str(int(over.sum())) if METHODS[m].clocked else f"({int(over.sum())})"
        error = ranks[m].std(ddof=1) / np.sqrt(count) if count > 1 else np.nan
        lines.append(
            f"| {METHODS[m].title} | {ranks[m].mean():.2f} | {error:.2f} "
            f"| {scores[m].mean():.3f} | {_wins(losses)[m]:g} "
            f"| {int(losses[m].isna().sum())} | {own['fit_seconds'].median():.1f} "
            f"| {kept} |"
        )
    note = "In parentheses: methods that were given no limit."
    return "\n".join([heading, "", *lines, "", note])


def _ranks(losses: pd.DataFrame) -> pd.DataFrame:
    filled = losses.fillna(np.inf).to_numpy()
    ranks = np.array([_last_for_failures(row) for row in filled])
    return pd.DataFrame(ranks, losses.index, losses.columns)


def _last_for_failures(row: np.ndarray) -> np.ndarray:
    return np.where(np.isinf(row), len(row), rankdata(row))


def _scores(losses: pd.DataFrame) -> pd.DataFrame:
    best = losses.min(axis=1)
    median = losses.fillna(np.inf).median(axis=1)
    span = (median - best).where(lambda s: s > 0, np.nan)
    scores = losses.rsub(median, axis=0).div(span, axis=0)
    # where the median is a failure, or the best is shared by half: best 1, others 0
    is_best = losses.eq(best, axis=0).astype(float)
    scores = scores.where(np.isfinite(scores), is_best)
    return scores.clip(0.0, 1.0).fillna(0.0)


def _wins(losses: pd.DataFrame) -> pd.Series:
    best = losses.eq(losses.min(axis=1), axis=0)
    return best.div(best.sum(axis=1).clip(lower=1), axis=0).sum().round(2)


def _losses(rows: pd.DataFrame, losses: pd.DataFrame) -> str:
    """Mean loss over seeds; the best of a table is bold."""
    means = losses.groupby(level="table").mean()
    constant = rows.groupby("table")["baseline"].mean()
    kind = rows.groupby("table")["accuracy"].mean().isna()
    lines = [
        "## Test loss by table (log loss; RMSE where marked)",
        "",
        "| table | constant | " + " | ".join(METHODS[m].title for m in means) + " |",
        "| --- |" + " --- |" * (means.shape[1] + 1),
    ]
    for table, row in means.iterrows():
        best = row.min()
        cells = [
            "-" if np.isnan(v) else f"**{v:.4g}**" if v == best else f"{v:.4g}"
            for v in row
        ]
        name = f"{table} (RMSE)" if kind[table] else table
        lines.append(f"| {name} | {constant[table]:.4g} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _seconds(rows: pd.DataFrame, methods: list[str]) -> str:
    lines = [
        "## Seconds of fit",
        "",
        "| method | median | longest | on | runs |",
        "| --- | --- | --- | --- | --- |",
    ]
    for m in methods:
        own = rows[(rows["method"] == m) & rows["fit_seconds"].notna()]
        if own.empty:
            continue
        worst = own.loc[own["fit_seconds"].idxmax()]
        lines.append(
            f"| {METHODS[m].title} | {own['fit_seconds'].median():.1f} "
            f"| {worst['fit_seconds']:.1f} | {worst['table']} | {len(own)} |"
        )
    return "\n".join(lines)


def _failures(rows: pd.DataFrame) -> str:
    failed = rows[rows["status"] != "ok"]
    if failed.empty:
        return "## Failures\n\nNone."
    lines = [
        f"* {r['table']}, {METHODS[r['method']].title}, seed {r['seed']}: "
        f"{r['status']}; {(str(r.get('note', '')).strip().splitlines() or [''])[-1]}"
        for r in failed.to_dict("records")
    ]
    return "\n".join(["## Failures", "", *lines])
