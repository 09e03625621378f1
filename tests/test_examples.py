"""Every example runs at its tiny size, and prints what its docstring promises."""

import re
import runpy
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
# what each prints: patterns that its output must hold, in this order
PRINTS = {
    "black_box.py": (r"random +0\.\d+ .*kernel", r"gp +0\.\d+ .*kernel", r"7 +0\.\d+"),
    "dropout_l2_validation.py": (r"none +\d", r"dropout +\d", r"L2 +\d", r"patience"),
    "five_optimizers.py": (r"sgd +0\.3", "momentum", "rmsprop", "adam ", "adamw"),
    "learning_rate_sweep.py": (r"sgd +\d", "momentum", "adamw", "schedule_free"),
    "line.py": (
        r"by hand +1\.99\d+ +0\.99",
        r"train +1\.99\d+ +0\.99",
        "least squares",
    ),
    "own_architecture.py": (
        r"4 networks, 1 compiled",
        r"parameters",
        r"is right about",
    ),
    "own_module.py": ("equinox module +0", "init, apply", "own +0", "thalweg's MLP +0"),
    "own_space.py": (r"trial +score +error", r"27 trials with a", r"\d on rows that"),
    "perturb_and_keep.py": (r"by hand +\d", r"search +\d", r"CMA-ES +\d", r"Adam"),
    "regression_10_10_1.py": (r"linear model +2\.\d", r"10-10-1 network +\d\.\d"),
    "tuned_optimizers.py": (
        r"sgd +0\.1",
        r"momentum +\d",
        "adagrad",
        "rmsprop",
        "adam",
    ),
    "softmax_64_64_10.py": (r"accuracy 0\.[5-9]", r"is a \d with probability"),
}


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Run an example as a program, in this process so that JAX starts once."""

    def run(name: str, *arguments: str) -> str:
        monkeypatch.setenv("THALWEG_QUICK", "1")
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        monkeypatch.chdir(tmp_path)
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_every_example_is_tested_and_has_a_docstring():
    programs = {path.name: path.read_text() for path in EXAMPLES.glob("*.py")}
    assert set(programs) == {*PRINTS, "demo.py"}
    assert all(text.startswith('"""') for text in programs.values())


@pytest.mark.parametrize("name", sorted(PRINTS))
def test_example(name, run, tmp_path):
    output = run(name)
    assert re.search(".*".join(PRINTS[name]), output, re.DOTALL), output
    assert not list(tmp_path.iterdir()), "an example leaves no files behind"


@pytest.mark.parametrize("name", ["tuned_optimizers.py"])
def test_an_example_draws_what_it_found(name, run, tmp_path):
    run(name, "picture.html")
    assert "plotly" in (tmp_path / "picture.html").read_text("utf-8")


def test_the_demo_leaves_a_run_predictions_and_a_report(run, tmp_path, monkeypatch):
    import thalweg.cli.app

    # the limit counts from the import of the command line, which may be long ago
    monkeypatch.setattr(thalweg.cli.app, "STARTED", time.monotonic())
    output = run("demo.py", "--table", "wine", "--seconds", "4")
    folder = tmp_path / "runs" / "demo-1"
    new = pd.read_csv(folder / "new.csv")
    predictions = pd.read_csv(folder / "predictions.csv")
    assert "cultivar" not in new
    assert len(predictions) == len(new) == 45
    shares = predictions.filter(like="cultivar=").to_numpy()
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert (folder / "run" / "model" / "model.json").is_file()
    page = (folder / "report.html").read_text()
    assert "cultivar" in page
    found = re.search(r"On the new rows: log loss ([\d.]+), accuracy ([\d.]+)%", output)
    assert found, output
    assert float(found[1]) < 0.5
    assert float(found[2]) > 85  # the linear baseline reaches 95
    for command in ("fit", "predict", "report"):
        assert f"$ thalweg {command} " in output


def test_a_second_demo_has_a_folder_of_its_own(tmp_path):
    demo = runpy.run_path(str(EXAMPLES / "demo.py"), run_name="demo")
    folders = [demo["_new_folder"](tmp_path / "runs") for _ in range(2)]
    assert [folder.name for folder in folders] == ["demo-1", "demo-2"]


@pytest.mark.parametrize(
    ("table", "rows"), [("digits", 1347), ("breast_cancer", 426), ("diabetes", 331)]
)
def test_the_demo_writes_tables_without_the_new_rows_targets(table, rows, tmp_path):
    demo = runpy.run_path(str(EXAMPLES / "demo.py"), run_name="demo")
    target = demo["TABLES"][table]
    train, new, truth = demo["_write_tables"](table, target, tmp_path)
    assert len(pd.read_csv(train)[target]) == rows
    new = pd.read_csv(new)
    assert target not in new
    assert len(new) == len(truth)


def test_the_demo_scores_predictions(tmp_path):
    demo = runpy.run_path(str(EXAMPLES / "demo.py"), run_name="demo")
    path = tmp_path / "predictions.csv"
    frame = pd.DataFrame({"y": ["a", "b"], "y=a": [0.5, 0.5], "y=b": [0.5, 0.5]})
    frame.to_csv(path, index=False)
    said = demo["_how_good"](path, "y", np.array(["a", "a"], dtype=object))
    assert said == "On the new rows: log loss 0.6931, accuracy 50.0%"
    pd.DataFrame({"y": [1.0, 2.0]}).to_csv(path, index=False)
    said = demo["_how_good"](path, "y", np.array([1.0, 4.0]))
    assert said == "On the new rows: rmse 1.414"
