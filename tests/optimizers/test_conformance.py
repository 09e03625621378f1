"""The command, and the page that it prints."""

import re
from pathlib import Path

import pytest

from thalweg.core.errors import UnknownName
from thalweg.testing import conformance
from thalweg.testing.conformance import Row, main, markdown, ordered

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


def masked(page: str) -> str:
    """Without the rounding errors, which differ between machines."""
    return re.sub(r"\| \d+e[+-]\d\d \|", "| … |", page)


def test_the_page_is_what_the_command_prints():
    """If not: `python -m thalweg.testing.conformance --markdown > ...`."""
    page = markdown([Row(case, 0.0) for case in ordered()])
    assert masked(page) == masked(PAGE.read_text("utf-8"))


def test_the_command_measures_what_is_named(capsys):
    assert main(["sgd"]) == 0
    shown = capsys.readouterr().out
    assert "Cauchy" in shown
    assert "Adam" not in shown


def test_the_command_fails_where_we_differ(monkeypatch, capsys):
    wrong = [case._replace(ours="SGD(rate, l2=0.01)") for case in ordered(["sgd"])]
    monkeypatch.setattr(conformance, "ordered", lambda names: wrong[:1])
    assert main(["sgd"]) == 1
    assert "DIFFERENT" in capsys.readouterr().out


def test_unknown_names_are_refused():
    with pytest.raises(UnknownName, match="Did you mean 'adam'"):
        main(["adamv"])
