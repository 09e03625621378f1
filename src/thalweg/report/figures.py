"""The figures as plotly.js reads them: plain dicts, no Python plotly needed.

Colours are CSS variables, `var(--leader)`; the page puts in their values, so that one
figure serves a light and a dark page.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from thalweg.report.data import ReportData
from thalweg.report.facts import Facts, as_number, is_missing, numbers
from thalweg.report.text import named, number

Figure = dict[str, Any]

POINTS = 400  # of one curve
DOTS = 1500  # of one panel of `slices`
FEW = 8  # numeric values that are shown as columns of dots
OTHERS = ("var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)")


def progress(facts: Facts) -> Figure:
    """The best score so far against time, over all trials and the baseline."""
    data = facts.data
    score, when = numbers(facts.ranked, "score"), numbers(facts.ranked, "finished")
    timed = bool(np.isfinite(when).all())
    if not timed:
        when = numbers(facts.ranked, "number") + 1
    trial = numbers(facts.ranked, "number")
    order = np.lexsort((trial, when))
    when, score, trial = when[order], score[order], trial[order]
    best = (np.maximum if data.maximize else np.minimum).accumulate(score)
    steps = np.flatnonzero(np.r_[True, best[1:] != best[:-1]])
    end = data.seconds if timed and data.seconds > when[-1] else when[-1]
    line_x = [*when[steps], end]
    line_y = [*best[steps], best[-1]]
    traces = [
        _dots(when, score, trial, data, name="a trial"),
        {
            "type": "scatter",
            "mode": "lines",
            "name": "best so far",
            "x": _plain(line_x),
            "y": _plain(line_y),
            "line": {"color": "var(--leader)", "width": 2.5, "shape": "hv"},
            "hovertemplate": "best %{y}<extra></extra>",
        },
    ]
    if np.isfinite(facts.baseline):
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"baseline ({data.baseline.get('name', 'baseline')})",
                "x": _plain([min(0.0, when[0]), end]),
                "y": [facts.baseline] * 2,
                "line": {"color": "var(--baseline)", "width": 1.5, "dash": "dash"},
                "hovertemplate": "baseline %{y}<extra></extra>",
            }
        )
    layout = {
        "xaxis": {"title": {"text": "seconds" if timed else "trials"}},
        "yaxis": {
            "title": {"text": _braced(named(data.metric))},
            "range": _range_of_interest(facts, score, best),
        },
    }
    return {"data": _legible(traces), "layout": layout, "height": 380}


def learning_curves(facts: Facts) -> dict[str, Figure]:
    """Per reported metric: the leader's mean over folds, its folds, a few others."""
    curves = facts.data.curves
    metrics = list(dict.fromkeys(m for curve in curves for m in curve.metrics))
    figures = {}
    for metric in metrics:
        traces, values = [], []
        others = iter(OTHERS)
        for trial in dict.fromkeys(curve.trial for curve in curves):
            mine = [c for c in curves if c.trial == trial and metric in c.metrics]
            lines = [_thinned(c.steps, c.metrics[metric]) for c in mine]
            lines = [(x, y) for x, y in lines if len(x)]
            if not lines:
                continue
            leads = trial == facts.leader_number
            color = "var(--leader)" if leads else next(others, OTHERS[-1])
            if leads and len(lines) > 1:
                traces += [_line(x, y, color, faint=True) for x, y in lines]
            x, y = _mean_line(lines)
            values.append(y)
            name = f"trial {trial}" + (", the leader" if leads else "")
            traces.append(_line(x, y, color, name=name, width=2.5 if leads else 1.5))
        if traces:
            layout = {
                "xaxis": {"title": {"text": "training steps"}},
                "yaxis": {
                    "title": {"text": _braced(named(metric))},
                    "range": _settled(values),
                },
            }
            figures[metric] = {
                "data": _legible(traces),
                "layout": layout,
                "height": 380,
            }
    return figures


def slices(facts: Facts, names: Sequence[str]) -> list[Figure]:
    """Per hyper-parameter: the scores against its values."""
    ranked = facts.ranked
    rows = np.unique(np.linspace(0, max(0, len(ranked) - 1), DOTS).astype(int))
    ranked = ranked.iloc[rows] if len(ranked) else ranked
    score, trial = numbers(ranked, "score"), numbers(ranked, "number")
    figures = []
    for name in names:
        values = list(ranked[f"config.{name}"]) if len(ranked) else []
        has = np.asarray([not is_missing(value) for value in values], bool)
        known = [value for value in values if not is_missing(value)]
        if not known:
            continue
        axis: dict[str, Any] = {"title": {"text": _shortened(name, 40)}}
        x: Any
        numeric = all(_is_number(value) for value in known)
        if numeric and len(set(known)) > FEW:
            x = np.asarray([as_number(value) for value in known])
            if _spans_decades(x):
                axis |= {"type": "log"} | _decades(x)
        else:
            texts = sorted(
                {_label(v): v if numeric else 0 for v in known}.items(),
                key=lambda item: (item[1], item[0]),
            )
            place = {text: i for i, (text, _) in enumerate(texts)}
            spread = np.random.default_rng(0).uniform(-0.26, 0.26, len(known))
            x = np.asarray([place[_label(v)] for v in known]) + spread
            axis |= {
                "tickvals": list(range(len(texts))),
                "ticktext": [_shortened(text) for text in place],
                "range": [-0.5, len(texts) - 0.5],
            }
        dots = _dots(x, score[has], trial[has], facts.data, name=name)
        layout = {
            "xaxis": axis,
            "yaxis": {
                "title": {"text": _braced(named(facts.data.metric))},
                "range": _range_of_interest(facts, score[has]),
            },
            "showlegend": False,
        }
        figures.append({"data": _legible([dots]), "layout": layout, "height": 260})
    return figures


def _dots(
    x: np.ndarray, y: np.ndarray, trial: np.ndarray, data: ReportData, *, name: str
) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": _plain(x),
        "y": _plain(y),
        "customdata": [int(n) for n in trial],
        "marker": {"color": "var(--dot)", "size": 5, "opacity": 0.55},
        "hovertemplate": f"trial %{{customdata}}: {_braced(named(data.metric))} %{{y}}"
        "<extra></extra>",
    }


def _line(
    x: np.ndarray,
    y: np.ndarray,
    color: str,
    *,
    name: str = "",
    width: float = 1.0,
    faint: bool = False,
) -> Figure:
    trace: Figure = {
        "type": "scatter",
        "mode": "lines",
        "x": _plain(x),
        "y": _plain(y),
        "line": {"color": color, "width": width},
        "opacity": 0.28 if faint else 1.0,
    }
    if faint:
        return trace | {"showlegend": False, "hoverinfo": "skip"}
    return trace | {"name": name, "hovertemplate": f"{name}: %{{y}}<extra></extra>"}


def _mean_line(lines: list[tuple[np.ndarray, np.ndarray]]) -> tuple[Any, Any]:
    """The mean over folds at each step that any of them reported."""
    steps = np.unique(np.concatenate([x for x, _ in lines]))
    table = np.full((len(lines), len(steps)), np.nan)
    for row, (x, y) in zip(table, lines, strict=True):
        row[np.searchsorted(steps, x)] = y
    known = np.isfinite(table)
    total = np.where(known, table, 0.0).sum(0)
    return steps, total / np.maximum(known.sum(0), 1)


def _thinned(steps: Any, values: Any) -> tuple[np.ndarray, np.ndarray]:
    """The finite points, at most `POINTS` of them."""
    x, y = np.asarray(steps, float), np.asarray(values, float)
    known = np.isfinite(y) & np.isfinite(x)
    x, y = x[known], y[known]
    if not len(x):
        return x, y
    rows = np.unique(np.linspace(0, len(x) - 1, POINTS).astype(int))
    return x[rows], y[rows]


def _range_of_interest(
    facts: Facts, score: np.ndarray, best: np.ndarray | None = None
) -> list[float] | None:
    """From the worse half to the best: failures must not flatten the rest."""
    if len(score) < 2:
        return None
    sign = 1.0 if facts.data.maximize else -1.0
    good = np.sort(sign * score)
    # a failure lies further below the median than the best lies above it, many times
    low = max(good[0], good[len(good) // 2] - 3.0 * (good[-1] - good[len(good) // 2]))
    if best is not None:
        low = min(low, float(sign * best[len(best) // 10]))
    marks = [low, good[-1]]
    if best is not None and np.isfinite(facts.baseline):
        marks.append(sign * facts.baseline)
    ends = sorted(sign * mark for mark in (min(marks), max(marks)))
    pad = 0.06 * (ends[1] - ends[0]) or 0.05 * (abs(ends[0]) or 1.0)
    return [float(ends[0] - pad), float(ends[1] + pad)]


def _settled(lines: list[np.ndarray]) -> list[float] | None:
    """The range after the first tenth, where curves differ; None to show all."""
    late = np.concatenate([line[len(line) // 10 :] for line in lines])
    low, high = float(late.min()), float(late.max())
    pad = 0.08 * (high - low)
    return [low - pad, high + pad] if pad > 0 else None


def _decades(values: np.ndarray) -> Figure:
    """Ticks at powers of ten, written out."""
    low, high = np.floor(np.log10(values.min())), np.ceil(np.log10(values.max()))
    every = max(1, round((high - low) / 6))
    ticks = [float(f"1e{int(n)}") for n in np.arange(low, high + 1, every)]
    return {"tickvals": ticks, "ticktext": [number(tick) for tick in ticks]}


def _spans_decades(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return bool(len(finite) and finite.min() > 0 and finite.max() > 50 * finite.min())


def _plain(values: Any) -> list[float | None]:
    """Seven digits are more than a screen shows, and half the page."""
    return [
        float(f"{v:.7g}") if np.isfinite(v) else None for v in np.asarray(values, float)
    ]


def _legible(traces: list[Figure]) -> list[Figure]:
    """Names may come from a table: plotly reads `<b>` and `<a href>` in them."""
    for trace in traces:
        if "name" in trace:
            trace["name"] = _braced(trace["name"])
    return traces


def _braced(text: str) -> str:
    """Text that plotly shows as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _is_number(value: Any) -> bool:
    plain = isinstance(value, int | float | np.number)
    return plain and not isinstance(value, bool | np.bool_)


def _label(value: Any) -> str:
    return value if isinstance(value, str) else number(value)


def _shortened(text: str, most: int = 16) -> str:
    return _braced(text if len(text) <= most else f"{text[: most - 1]}…")
