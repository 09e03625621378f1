"""The house: imports run one way, names say what a file holds, files are short."""

import ast
from pathlib import Path

import thalweg

SRC = Path(thalweg.__file__).parent
TESTS = Path(__file__).parent

# A room may import those of the lines above its own, and nothing else of the package.
FLOORS = (
    ("core",),
    ("activations", "augmentation", "losses", "penalties", "schedules"),
    ("evaluation",),
    ("data",),
    ("spaces",),
    ("cells",),
    ("surrogates",),
    ("strategies",),
    ("proposers",),
    ("benchmarks",),
    ("networks",),
    ("optimizers",),
    ("problem",),
    ("diagnosis",),
    ("training",),
    ("architectures",),
    ("store",),
    ("report",),
    ("study",),
    ("automl",),
    ("cli",),
)
RANK = {room: rank for rank, rooms in enumerate(FLOORS) for room in rooms}
OUTSIDE = {"__init__", "testing"}  # the lazy doors; contracts of every room
# Debts, to be paid: `Problem.training_task` makes what the trainer wants.
KNOWN = {("problem", "training")}
LONGEST = 500  # lines
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}


def room_of(file: Path) -> str:
    return file.relative_to(SRC).with_suffix("").parts[0]


def imported(file: Path) -> set[str]:
    """The rooms that a file imports, also within functions and for types only."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are absolute"
            module = node.module or ""
            names = [module]
            if module == "thalweg":
                names = [f"thalweg.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "thalweg":
                found.add(parts[1] if len(parts) > 1 else "__init__")
    return found


def edges() -> dict[tuple[str, str], list[str]]:
    """Which room imports which, and the files that do."""
    found: dict[tuple[str, str], list[str]] = {}
    for file in sorted(SRC.rglob("*.py")):
        for room in imported(file) - {room_of(file)}:
            name = str(file.relative_to(SRC))
            found.setdefault((room_of(file), room), []).append(name)
    return found


def test_every_room_has_its_floor():
    rooms = {room_of(file) for file in SRC.rglob("*.py")}
    assert rooms - OUTSIDE == set(RANK)


def test_imports_run_one_way():
    against = {
        edge: files
        for edge, files in edges().items()
        if edge[0] not in OUTSIDE
        and (edge[1] in OUTSIDE or RANK[edge[1]] >= RANK[edge[0]])
    }
    assert set(against) == KNOWN, against


def test_the_parser_sees_imports_that_hide(tmp_path: Path):
    file = tmp_path / "hidden.py"
    file.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from thalweg.study.loop import Search\n"
        "def late():\n    import thalweg.cli.app\n    from thalweg import losses\n"
        "import numpy, thalweg\n"
    )
    assert imported(file) == {"study", "cli", "losses", "__init__"}
    assert room_of(SRC / "problem.py") == "problem"
    assert room_of(SRC / "core" / "rng.py") == "core"


def test_no_file_is_a_drawer_for_odds_and_ends():
    names = {file.stem for file in SRC.rglob("*.py")}
    assert not names & VAGUE


def test_no_source_file_is_long():
    long = {
        str(file.relative_to(SRC)): length
        for file in SRC.rglob("*.py")
        if (length := len(file.read_text(encoding="utf-8").splitlines())) > LONGEST
    }
    assert not long, "two ideas in one file?"


def test_every_module_and_package_says_what_it_is_for():
    silent = [
        str(file.relative_to(SRC))
        for file in SRC.rglob("*.py")
        if not ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert not silent


def test_test_files_have_names_of_their_own():
    """Folders of tests are no packages: two files of one name would be one module."""
    names = [file.name for file in TESTS.rglob("*.py") if file.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))
