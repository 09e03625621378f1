"""What a diagnosis of the study finds, from what its rows and curves allow."""

import re
from typing import Any

import numpy as np

from thalweg.diagnosis import Diagnosis, Record, Trials, diagnose, mean_record
from thalweg.report.facts import Facts, config_of, numbers
from thalweg.report.markup import Markup, el
from thalweg.report.pieces import section
from thalweg.report.text import named
from thalweg.report.words import word

LOSSES = ("train_loss", "loss")  # the columns of a curve that rules read


def diagnosis(facts: Facts) -> Diagnosis:
    """Of the trials in the order of their numbers, and of the leader's curves."""
    trials = facts.data.trials
    order = np.argsort(numbers(trials, "number"), kind="stable")
    rows = trials.iloc[order]
    return diagnose(
        Trials(
            status=[str(status) for status in rows["status"]],
            loss=numbers(rows, "loss"),
            error=numbers(rows, "score_error"),
            config=[_in_words(config_of(row)) for _, row in rows.iterrows()],
            leader=_leader(facts),
        )
    )


def findings(facts: Facts) -> Markup | None:
    """The section of the page."""
    if not len(facts.data.trials):
        return None
    found = [
        el(
            "li",
            el("b", finding.name),
            el("p", _with_code(finding.evidence)),
            el("p", _with_code(finding.remedy), cls="remedy"),
        )
        for finding in diagnosis(facts)
    ]
    nothing = el("p", "No rule found anything wrong with the trials or the leader.")
    shown = el("ul", found, cls="findings") if found else nothing
    return section("diagnosis", "What could be better", shown)


def _leader(facts: Facts) -> Record | None:
    """The mean over folds of the leader's curves, if they hold the losses."""
    trials = facts.data.trials
    row = trials[numbers(trials, "number") == facts.leader_number]
    own = [c for c in facts.data.curves if c.trial == facts.leader_number]
    if not len(row) or not own or any(set(LOSSES) - set(c.metrics) for c in own):
        return None
    curves = [
        np.stack([np.asarray(v, float) for v in (c.steps, *map(c.metrics.get, LOSSES))])
        for c in own
    ]
    status, settings = str(row["status"].iloc[0]), facts.config
    return mean_record([c.T for c in curves], status=status, settings=settings)


def _in_words(config: dict[str, Any]) -> dict[str, Any]:
    return {
        named(key): word(value) if isinstance(value, str) else value
        for key, value in config.items()
    }


def _with_code(text: str) -> list[Markup | str]:
    """Text in which what stands between backticks is code."""
    parts = re.split(r"`([^`]*)`", text)
    return [el("code", p) if n % 2 else p for n, p in enumerate(parts)]
