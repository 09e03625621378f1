"""Bad input ends with one sentence and status 2, and nothing is written over."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from thalweg.cli.app import app


def run(*arguments: object) -> tuple[int, str]:
    """Exit status, and what was said."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    return result.exit_code, result.output


def fit(
    table: Path, out: Path, *more: object, target: str = "price"
) -> tuple[int, str]:
    return run("fit", table, "--target", target, "--out", out, *more)


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    size = rng.uniform(10, 100, 60)
    town = rng.choice(["Ulm", "Bonn"], 60)
    price = 3 * size + 50 * (town == "Ulm") + rng.normal(0, 1, 60)
    return pd.DataFrame({"size": size, "town": town, "price": price})


def written(folder: Path, frame: pd.DataFrame, name: str = "table.csv") -> Path:
    path = folder / name
    frame.to_csv(path, index=False)
    return path


def refused(status: int, said: str, *words: str) -> None:
    assert status == 2, said
    lines = [line for line in said.splitlines() if line.startswith("Error:")]
    assert len(lines) == 1, said
    assert "Traceback" not in said
    for word in words:
        assert word in said, said


def test_a_table_that_is_not_there(tmp_path):
    (tmp_path / "tabel.csv").write_text("a,price\n1,2\n")
    refused(*fit(tmp_path / "table.csv", tmp_path / "run"), "tabel.csv")
    assert not (tmp_path / "run").exists()


def test_an_empty_file(tmp_path):
    (tmp_path / "table.csv").write_text("")
    refused(*fit(tmp_path / "table.csv", tmp_path / "run"), "empty")


def test_a_table_without_a_header(tmp_path):
    (tmp_path / "table.csv").write_text("1.5,2\n3,4.25\n5,6\n")
    refused(*fit(tmp_path / "table.csv", tmp_path / "run"), "header")


def test_one_row(tmp_path, frame):
    refused(*fit(written(tmp_path, frame[:1]), tmp_path / "run"))


def test_a_target_that_is_not_a_column_names_the_nearest(tmp_path, frame):
    table = written(tmp_path, frame)
    refused(*fit(table, tmp_path / "run", target="prise"), "'price'")


def test_a_constant_target(tmp_path, frame):
    refused(*fit(written(tmp_path, frame.assign(price=1.5)), tmp_path / "run"))


def test_a_target_that_is_all_missing(tmp_path, frame):
    table = written(tmp_path, frame.assign(price=np.nan))
    refused(*fit(table, tmp_path / "run"), "missing")


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "table.csv").write_bytes(bytes(range(256)) * 20)
    refused(*fit(tmp_path / "table.csv", tmp_path / "run"))


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (("--task", "ranking"), "classification"),
        (("--metric", "log_los"), "log_loss"),
        (("--metric", "accuracy"), "regression"),
        (("--proposer", "gb"), "gp"),
        (("--preset", "slow"), "balanced"),
        (("--time-limit", "-1"), ">= 0"),
        (("--trials", "0"), "at least 1"),
        (("--cv", "1"), "2"),
    ],
)
def test_an_option_that_makes_no_sense(tmp_path, frame, more, word):
    refused(*fit(written(tmp_path, frame), tmp_path / "run", *more), word)


def test_a_directory_with_other_files_is_left_alone(tmp_path, frame):
    out = tmp_path / "run"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    refused(*fit(written(tmp_path, frame), out, "--time-limit", "0"), "thesis.txt")
    assert (out / "thesis.txt").read_text() == "years of work"
    assert [entry.name for entry in out.iterdir()] == ["thesis.txt"]


def test_a_run_that_is_none(tmp_path):
    for command in (
        ("predict", tmp_path, tmp_path / "x.csv", "--out", tmp_path / "y.csv"),
        ("report", tmp_path / "run"),
        ("show", tmp_path / "run"),
        ("resume", tmp_path / "run"),
    ):
        refused(*run(*command))


def test_an_unknown_kind_names_the_nearest():
    refused(*run("list", "optimisers"), "'optimizers'")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A run that had no time to train: the baseline is its model."""
    folder = tmp_path_factory.mktemp("finished")
    rng = np.random.default_rng(0)
    size = rng.uniform(10, 100, 60)
    town = rng.choice(["Ulm", "Bonn"], 60)
    price = 3 * size + 50 * (town == "Ulm") + rng.normal(0, 1, 60)
    frame = pd.DataFrame({"size": size, "town": town, "price": price})
    frame.to_csv(folder / "table.csv", index=False)
    status, said = fit(folder / "table.csv", folder / "run", "--time-limit", "0")
    assert status == 0, said
    assert "baseline" in said
    return folder


def test_no_time_at_all_still_gives_a_model(finished, tmp_path):
    rows = pd.DataFrame({"town": ["Ulm", "Bonn"], "size": [50.0, 20.0]})
    rows.to_csv(tmp_path / "new.csv", index=False)
    status, said = run(
        "predict", finished / "run", tmp_path / "new.csv", "--out", tmp_path / "p.csv"
    )
    assert status == 0, said
    predicted = pd.read_csv(tmp_path / "p.csv")["price"]
    np.testing.assert_allclose(predicted, [200, 60], atol=15)


def test_prediction_with_other_columns(finished, tmp_path):
    out = tmp_path / "p.csv"
    pd.DataFrame({"size": [50.0]}).to_csv(tmp_path / "less.csv", index=False)
    status, said = run("predict", finished / "run", tmp_path / "less.csv", "--out", out)
    refused(status, said, "town")
    assert not out.exists()
    more = pd.DataFrame({"x": [1], "town": ["Rome"], "size": ["50.0"]})
    more.to_csv(tmp_path / "more.csv", index=False)
    status, said = run("predict", finished / "run", tmp_path / "more.csv", "--out", out)
    assert status == 0, said
    assert np.isfinite(pd.read_csv(out)["price"]).all()


def test_predictions_never_replace_the_table(finished, tmp_path):
    table = tmp_path / "new.csv"
    table.write_text("size,town\n1,Ulm\n")
    status, said = run("predict", finished / "run", table, "--out", table)
    refused(status, said)
    assert table.read_text() == "size,town\n1,Ulm\n"
    odd = tmp_path / "p.xlsx"
    refused(*run("predict", finished / "run", table, "--out", odd), ".parquet")
    status, said = run(
        "predict", finished / "run", table, "--out", tmp_path / "p.csv", "--proba"
    )
    refused(status, said, "proba")


def test_a_run_directory_of_another_study(finished, tmp_path):
    before = (finished / "run" / "settings.json").read_bytes()
    table = tmp_path / "other.csv"
    table.write_text("a,b\n" + "\n".join(f"{i},{i * i}.5" for i in range(40)))
    refused(*fit(table, finished / "run", "--time-limit", "0", target="b"))
    assert (finished / "run" / "settings.json").read_bytes() == before


def test_show_and_report_of_a_run_without_trials(finished, tmp_path):
    status, said = run("show", finished / "run")
    assert status == 0, said
    status, said = run("show", finished / "run", "--json")
    assert status == 0
    page = tmp_path / "page.html"
    status, said = run("report", finished / "run", "--out", page)
    assert status == 0, said
    assert "baseline" in page.read_text()


def test_a_full_disk(tmp_path, frame):
    """A limit on file sizes stands in for a full disk."""
    written(tmp_path, frame)
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000));"
        "from thalweg.cli import main; main()"
    )
    arguments = ["fit", "table.csv", "--target", "price", "--out", "run"]
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--time-limit", "0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "THALWEG_CACHE": str(tmp_path / "cache")},
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert len([x for x in ended.stderr.splitlines() if x.startswith("Error:")]) == 1
