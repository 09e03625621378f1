"""What a report says is wrong: on the page, in the terminal and as JSON alike."""

import json
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from thalweg.report import ReportData, print_report, render, to_json
from thalweg.report.facts import Facts
from thalweg.report.findings import diagnosis
from thalweg.store import CurveRow, to_frame

sys.path.insert(0, str(Path(__file__).parent))
from studies import report_data, trial_rows

STEPS = 20.0 * np.arange(1, 31)
FALLING = 0.4 * np.exp(-STEPS / 60) + 0.01


def study(*, edge: float = 1.0, loss=FALLING, **changes) -> ReportData:
    """Trials above the learning rate `edge` diverged; all curves are the same."""
    nan = float("nan")
    rows = [
        replace(r, status="diverged", score=nan, loss=nan)
        if r.config["learning_rate"] > edge
        else replace(r, status="complete", score=r.loss, score_error=0.01)
        for r in trial_rows(120)
        if r.status != "diverged"
    ]
    leader = min((r for r in rows if r.score == r.score), key=lambda r: r.score)
    curves = [
        CurveRow(
            trial=leader.number,
            replica=fold,
            steps=STEPS,
            metrics={"train_loss": FALLING, "loss": loss * (1 + 0.02 * fold)},
        )
        for fold in range(2)
    ]
    return report_data(0, trials=to_frame(rows), curves=curves, **changes)


def test_a_study_without_trouble():
    data = study()
    assert not diagnosis(Facts.of(data))
    assert "No rule found anything wrong" in render(data)
    assert json.loads(to_json(data))["diagnosis"] == []


RISING = 0.3 + (STEPS / 600 - 0.3) ** 2
DISEASES = {
    "over-fitting": ({"loss": RISING}, "the validation loss was best at step 180"),
    "ended early": ({"loss": np.linspace(1, 0.4, 30)}, "validation loss still fell"),
    "many diverged": ({"edge": 0.01}, "with learning rate of 0.01"),
}


@pytest.mark.parametrize("name", DISEASES)
def test_what_is_found_is_said_everywhere(name):
    changes, says = DISEASES[name]
    data = study(**changes)
    (finding,) = diagnosis(Facts.of(data))
    assert finding.name == name
    assert says in finding.evidence
    page = render(data)
    assert f"<b>{name}</b>" in page
    assert says in page
    assert "`" not in page[page.index('id="diagnosis"') : page.index('id="leader"')]
    console = Console(file=StringIO(), width=2000, color_system=None)
    print_report(data, console=console)
    assert says in console.file.getvalue()
    (told,) = json.loads(to_json(data))["diagnosis"]
    assert told["name"] == name
    assert told["remedy"] == finding.remedy


def test_settings_are_named_in_words():
    rows = [
        replace(
            r, status="diverged" if r.config["optimizer"] == "adamw" else "complete"
        )
        for r in trial_rows(120)
    ]
    data = report_data(0, trials=to_frame(rows))
    found = next(f for f in diagnosis(Facts.of(data)) if f.name == "many diverged")
    assert "with optimizer AdamW" in found.evidence


def test_curves_of_other_metrics_say_nothing():
    """A study of one's own may have reported something else."""
    data = study(loss=RISING)
    other = [replace(c, metrics={"rmse": c.metrics["loss"]}) for c in data.curves]
    assert not diagnosis(Facts.of(replace(data, curves=other)))


def test_no_trials_no_section():
    assert 'id="diagnosis"' not in render(report_data(0))
