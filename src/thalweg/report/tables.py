"""The page's tables: the leaderboard and the baseline."""

from math import isfinite

import numpy as np

from thalweg.report import text
from thalweg.report.facts import Facts, as_number, config_of, numbers
from thalweg.report.importance import Importance
from thalweg.report.markup import Markup, el
from thalweg.report.pieces import cell, section
from thalweg.report.words import headline

TOP = 100  # rows of the leaderboard
COLUMNS = 12  # hyper-parameters in it

_RIGHT = ("rank", "trial", "parameters", "seconds")  # columns of numbers


def leaderboard(facts: Facts, found: Importance) -> Markup | None:
    ranked = facts.ranked.iloc[:TOP]
    if not len(ranked):
        return None
    wanted = facts.searched()
    wanted.sort(key=lambda n: found.names.index(n) if n in found.names else len(wanted))
    wanted = wanted[:COLUMNS]
    heads = ["rank", "trial", text.named(facts.data.metric), "network", "status"]
    heads += ["parameters", "seconds", *wanted]
    rows = []
    errors = numbers(ranked, "score_error")
    errors = errors[np.isfinite(errors)]
    typical = float(np.median(errors)) if len(errors) else None
    for rank, (_, row) in enumerate(ranked.iterrows(), 1):
        config = config_of(row)
        error = as_number(row["score_error"])
        score = text.with_error(float(row["score"]), error, typical=typical)
        cells = [
            cell(str(rank), rank),
            cell(str(row["number"]), row["number"]),
            cell(score, row["score"]),
            cell(headline(config)),
            cell(str(row["status"])),
            cell(text.number(int(row["parameters"])), row["parameters"]),
            cell(f"{as_number(row['train_seconds']):.2f}", row["train_seconds"]),
        ]
        cells += [
            cell(text.number(config[n], 3) if n in config else "", config.get(n))
            for n in wanted
        ]
        leads = int(row["number"]) == facts.leader_number
        rows.append(el("tr", cells, cls="leads" if leads else None))
    head = [
        el(
            "th",
            el("button", name, type="button"),
            scope="col",
            aria_sort="none",
            cls="n" if name in _RIGHT or name == heads[2] else None,
        )
        for name in heads
    ]
    more = len(facts.ranked) - len(ranked)
    note = f"The best {len(ranked)} of {len(facts.ranked)}. " if more > 0 else ""
    hidden = len(facts.searched()) - len(wanted)
    note += f"{text.count(hidden, 'hyper-parameter')} left out. " if hidden > 0 else ""
    return section(
        "leaderboard",
        "Leaderboard",
        el(
            "div",
            el("table", el("thead", el("tr", head)), el("tbody", rows), cls="sortable"),
            cls="scroll",
            tabindex="0",
        ),
        el("p", f"{note}A column's heading sorts by it.", cls="caption"),
    )


def baseline(facts: Facts) -> Markup | None:
    told = facts.data.baseline
    if not told:
        return None
    rows = [told, *told.get("others", ())]
    items = [
        el(
            "tr",
            el("th", str(row.get("name", "baseline")), scope="row"),
            el(
                "td",
                text.with_error(
                    as_number(row.get("score")), as_number(row.get("score_error"))
                ),
            ),
        )
        for row in rows
    ]
    score = text.with_error(facts.score, facts.score_error)
    ours = el("tr", el("th", "the leader", scope="row"), el("td", score))
    metric = text.named(facts.data.metric)
    return section(
        "baseline",
        "The baseline",
        el(
            "p",
            "Scored in the same way on the same rows. The returned model is never the "
            "worse of the two.",
        ),
        el(
            "table",
            el("thead", el("tr", el("th", "model", scope="col"), el("th", metric))),
            el("tbody", ours if isfinite(facts.score) else None, *items),
        ),
    )
