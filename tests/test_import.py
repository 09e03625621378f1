"""`import thalweg` costs nothing, and what it promises is there when it is used."""

import importlib
import subprocess
import sys

import pytest

import thalweg
from thalweg.core.errors import ThalwegError

HEAVY = ("jax", "equinox", "sklearn", "pandas", "scipy", "plotly", "sqlalchemy")


def loaded_after(code: str) -> set[str]:
    """Top-level modules that a fresh process has loaded once it ran `code`."""
    code += "\nimport sys; print('LOADED', *{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(done.stdout.rpartition("LOADED ")[2].split())


def test_the_package_alone_loads_nothing_heavy():
    loaded = loaded_after("import thalweg; thalweg.__version__; dir(thalweg)")
    assert "thalweg" in loaded
    assert not loaded & {*HEAVY, "numpy"}


def test_help_on_the_command_line_loads_nothing_heavy():
    loaded = loaded_after(
        "import sys\n"
        "sys.argv = ['thalweg', '--help']\n"
        "from thalweg.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code"
    )
    assert "thalweg" in loaded
    assert not loaded & set(HEAVY)


def test_errors_load_nothing_heavy():
    assert not loaded_after("from thalweg import ThalwegError") & set(HEAVY)


@pytest.mark.parametrize("name", thalweg.__all__)
def test_every_promised_name_is_there(name):
    assert getattr(thalweg, name) is not None
    assert name in dir(thalweg)
    again = getattr(thalweg, name)
    assert again is getattr(thalweg, name)


def test_names_mean_what_they_say():
    from thalweg.spaces import Space
    from thalweg.training import train

    assert thalweg.Space is Space
    assert thalweg.train is train
    assert thalweg.training is importlib.import_module("thalweg.training")
    assert thalweg.ThalwegError is ThalwegError


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"'thalweg' has no attribute 'nothing'"):
        thalweg.nothing  # noqa: B018
    assert not hasattr(thalweg, "nothing")
