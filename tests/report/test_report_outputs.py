"""From a run directory to terminal and JSON."""

import json
import subprocess
import sys
from dataclasses import fields, replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from thalweg.core.errors import StoreError
from thalweg.report import (
    ReportData,
    collect,
    print_report,
    render,
    to_json,
    write_report,
)
from thalweg.report.facts import Facts
from thalweg.store import EventRow, Round, Store, StudyRow, TrialRow, to_frame

sys.path.insert(0, str(Path(__file__).parent))
from studies import curve_rows, report_data, trial_rows


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory of 60 trials in two rounds."""
    path = tmp_path_factory.mktemp("study") / "run"
    made = report_data(60)
    keys = ("metric", "maximize", "target", "baseline", "evaluation", "summary")
    settings = {key: getattr(made, key) for key in (*keys, "command", "time_limit")}
    rows = trial_rows(60)
    with Store.create(
        path, StudyRow(version="0.1.0", seed=3, settings=settings)
    ) as store:
        for number in range(2):
            part = rows[30 * number : 30 * number + 30]
            events = [
                EventRow(kind="train", seconds=5.0),
                EventRow(kind="compile", seconds=2.0),
            ]
            curves = curve_rows([t.number for t in part])
            store.record(
                Round(number=number, trials=part, curves=curves, events=events)
            )
        store.log(EventRow(kind="load", seconds=0.5))
        store.update(status="finished", settings={"leader": {"returned": "network"}})
    return path


def test_collecting_a_run(run: Path):
    data = collect(run)
    assert data.metric == "rmse"
    assert data.maximize is False
    assert data.seed == 3
    assert data.status == "finished"
    assert data.time == {"train": 10.0, "compile": 4.0, "load": 0.5}
    assert data.seconds == max(t.finished for t in trial_rows(60))
    assert data.environment == {"thalweg": "0.1.0"}
    assert len(data.trials) == 60
    best = Facts.of(data).best_numbers(5)
    assert list(dict.fromkeys(c.trial for c in data.curves)) == best
    assert len(data.curves) == 5 * 5
    assert "leaderboard" in render(data)


def test_a_store_that_is_being_written_can_be_collected(tmp_path: Path):
    with Store.create(tmp_path / "run", StudyRow()) as store:
        assert len(collect(store).trials) == 0
        assert "no network yet" in render(collect(tmp_path / "run"))
        store.record(Round(number=0, trials=trial_rows(3)))
        assert len(collect(tmp_path / "run").trials) == 3


def test_a_page_from_a_run(run: Path, tmp_path: Path):
    text = write_report(run, tmp_path / "r.html").read_text(encoding="utf-8")
    assert "thalweg fit housing.csv" in text
    with pytest.raises(StoreError, match="There is no run directory"):
        write_report(tmp_path / "typo", tmp_path / "r.html")


def test_the_leader_may_be_named_though_another_scores_better():
    rows = [
        TrialRow(number=n, config={"depth": n}, score=s)
        for n, s in enumerate([3, 2, 1])
    ]
    data = ReportData(trials=to_frame(rows), maximize=False)
    assert Facts.of(data).leader_number == 2
    assert Facts.of(ReportData(trials=to_frame(rows))).leader_number == 0
    named = Facts.of(
        ReportData(trials=to_frame(rows), maximize=False, leader={"trial": 1})
    )
    assert (named.leader_number, named.score) == (1, 2.0)
    assert named.config == {"depth": 1}


def test_equal_scores_are_led_by_the_earlier_trial():
    rows = [TrialRow(number=n, config={}, score=0.5) for n in (4, 2, 9)]
    for maximize in (True, False):
        facts = Facts.of(ReportData(trials=to_frame(rows), maximize=maximize))
        assert facts.best_numbers(3) == [2, 4, 9]


def test_gain_has_the_sign_of_better():
    for maximize, sign in ((True, 1), (False, -1)):
        row = TrialRow(number=0, config={}, score=0.75, score_error=0.03)
        baseline = {"score": 0.5, "score_error": 0.04}
        facts = Facts.of(
            ReportData(trials=to_frame([row]), maximize=maximize, baseline=baseline)
        )
        assert facts.gain == sign * 0.25
        assert facts.gain_error == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("score", "says"),
    [
        (0.9, "5.7 standard errors behind."),
        (0.7, "which is better."),
        (0.81, "not distinguishable"),
    ],
)
def test_the_verdict_is_honest(score, says):
    from thalweg.report.answer import verdict

    row = TrialRow(number=0, config={}, score=score, score_error=0.0124)
    baseline = {"name": "a linear model", "score": 0.8, "score_error": 0.0124}
    data = ReportData(trials=to_frame([row]), metric="accuracy", baseline=baseline)
    assert says in verdict(Facts.of(data))


def printed(data: ReportData, width: int = 100) -> str:
    console = Console(file=StringIO(), width=width, color_system=None)
    print_report(data, top=3, console=console)
    return console.file.getvalue()


def test_the_terminal_says_the_same():
    out = printed(report_data(60))
    assert "The best of" in out
    assert "baseline" in out
    assert "a linear model, 0.720" in out
    assert "training 41 s" in out
    rows = [
        line
        for line in out.splitlines()
        if line.lstrip()[:2] in ("1 ", "2 ", "3 ", "4 ")
    ]
    assert len(rows) == 3


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_terminal_takes_any_study(width):
    for n in (0, 1, 30):
        assert printed(report_data(n), width)
    hostile = report_data(3, target="[red]x[/red] [/nope]", title="")
    assert "[red]x[/red] [/nope]" in printed(hostile)


def test_json_is_for_everyone():
    data = report_data(60, seconds=float("inf"))
    value = json.loads(to_json(data), parse_constant=pytest.fail)
    assert value["metric"] == "rmse"
    assert value["seconds"] is None
    assert len(value["trials"]) == 60
    scores = [t["score"] for t in value["trials"]]
    known = [s for s in scores if s is not None]
    assert known == sorted(known)
    assert scores[len(known) :] == [None] * (60 - len(known))
    leader = value["leader"]
    assert leader["trial"] == value["trials"][0]["number"]
    assert leader["config"] == value["trials"][0]["config"]
    assert leader["score"] == known[0]
    assert leader["words"]["architecture"]
    assert isinstance(value["trials"][0]["config"]["depth"], int)
    left_out = {f.name for f in fields(ReportData)} - set(value)
    assert left_out == {"curves"}


def test_json_takes_any_study():
    for n in (0, 1):
        json.loads(to_json(report_data(n)), parse_constant=pytest.fail)
    data = report_data(1, summary={"a": np.float32(1.5), "b": np.arange(2), "c": (1,)})
    assert json.loads(to_json(data))["summary"] == {"a": 1.5, "b": [0, 1], "c": [1]}


def test_importing_the_report_is_cheap():
    code = (
        "import sys, thalweg.report\n"
        "heavy = {'pandas', 'plotly', 'sklearn', 'jax', 'rich', 'sqlalchemy'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or None)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_ensemble_s_score_is_not_the_leader_s():
    data = report_data(24)
    leader = {**data.leader, "score": 0.31, "score_error": 0.01}
    value = json.loads(to_json(replace(data, leader=leader)))
    own = value["trials"][0]["score"]
    assert value["leader"]["score"] == own != 0.31
    assert value["leader"]["returned_score"] == 0.31
    shown = f"{own:.3f}"
    assert f"Its validation RMSE is {shown}" in value["answer"]
    answer = value["answer"].replace("\u00a0", " ")
    assert "an ensemble of 5 trials, whose RMSE is 0.310 ± 0.010." in answer
