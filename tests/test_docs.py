"""The pages tell the truth: their code runs, their commands and links exist.

A block that begins with "```python slow" takes a while; it runs with few trials
and only where slow tests do. Blocks of a page share their names, from top to bottom.
"""

import re
import sys
import types
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    path.name: path for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
}
# Limits that no clock decides, in place of those that a page shows.
QUICK = {
    "network=network, time_limit=60": "network=network, trials=2",
    'proposer="hyperband", time_limit=60': 'proposer="hyperband", trials=9',
    "ImageClassifier(time_limit=60)": 'ImageClassifier(None, 1, preset="fast")',
    "Classifier(time_limit=60": "Classifier(time_limit=None, max_trials=2",
}
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block of a page."""

    info: str  # what follows the fence
    code: str
    line: int  # of its first line


def blocks(page: str) -> list[Block]:
    text = PAGES[page].read_text("utf-8")
    return [
        Block(found[1], found[2], text.count("\n", 0, found.start(2)))
        for found in FENCE.finditer(text)
    ]


def with_code(kind: str) -> list[str]:
    return sorted(p for p in PAGES if any(b.info == kind for b in blocks(p)))


def execute(page: str, kinds: tuple[str, ...]) -> None:
    """Run a page's blocks in one module, with line numbers that are the page's."""
    module = types.ModuleType(f"page_{page.partition('.')[0].replace('-', '_')}")
    sys.modules[module.__name__] = module
    try:
        for block in blocks(page):
            if block.info in kinds:
                code = block.code
                for shown, quick in QUICK.items():
                    code = code.replace(shown, quick)
                program = compile("\n" * block.line + code, str(PAGES[page]), "exec")
                exec(program, module.__dict__)
    finally:
        del sys.modules[module.__name__]


@pytest.mark.parametrize("page", with_code("python"))
def test_code_runs(page, tmp_path, monkeypatch, request):
    quick = "not slow" in request.config.option.markexpr
    monkeypatch.chdir(tmp_path)
    execute(page, ("python",) if quick else ("python", "python slow"))


@pytest.mark.parametrize("page", sorted(PAGES))
def test_blocks_say_what_they_are(page):
    assert {block.info for block in blocks(page)} <= {"", "python", "python slow"}


@pytest.mark.parametrize("page", sorted(PAGES))
def test_links_lead_somewhere(page):
    text = FENCE.sub("", re.sub(r"<!--.*?-->", "", PAGES[page].read_text(), flags=re.S))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        linked = PAGES[page].parent / path if path else PAGES[page]
        assert linked.exists(), f"{page} links to {target}"
        if anchor:
            assert anchor in anchors(linked), f"{page} links to {target}"


def anchors(page: Path) -> set[str]:
    """Where GitHub lets one jump to: headings in lower case, with hyphens."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}


def command_line():
    import typer

    from thalweg.cli.app import app

    return typer.main.get_command(app).commands


@pytest.mark.parametrize("page", sorted(PAGES))
def test_commands_exist(page):
    commands = command_line()
    typed = re.findall(r"^(?:\$ )?thalweg ([a-z].*)$", PAGES[page].read_text(), re.M)
    for line in typed:
        name, *words = line.split()
        assert name in commands, line
        options = {o for p in commands[name].params for o in p.opts + p.secondary_opts}
        for word in re.findall(r"--?[a-z][a-z-]*", " ".join(words)):
            assert word in options, f"{page}: thalweg {line}"


def test_every_option_is_explained():
    text = PAGES["command-line.md"].read_text()
    for name, command in command_line().items():
        section = text.partition(f"### thalweg {name}\n")[2].partition("\n###")[0]
        assert section, f"a section about `thalweg {name}`"
        for parameter in command.params:
            for option in parameter.opts + parameter.secondary_opts:
                if option.startswith("--") and option != "--help":
                    assert option in section, f"thalweg {name} {option}"


REGISTRIES = {
    "activations": "ACTIVATIONS",
    "evaluation": "METRICS",
    "losses": "LOSSES",
    "networks": "NETWORKS",
    "networks.numeric": "EMBEDDINGS",
    "optimizers": "OPTIMIZERS",
    "proposers": "PROPOSERS",
    "schedules": "SCHEDULES",
}


@pytest.mark.parametrize("room", REGISTRIES)
def test_the_page_on_choosing_names_every_algorithm(room):
    import importlib

    table = getattr(importlib.import_module(f"thalweg.{room}"), REGISTRIES[room])
    text = PAGES["how-to-choose.md"].read_text()
    first_cells = " ".join(re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE))
    missing = [name for name in table if f"`{name}`" not in first_cells]
    assert not missing


FOLDS = {
    "hold-out": "hold-out of ",
    "5 folds": "5-fold cross-validation",
    "5 folds, twice": "5-fold cross-validation, 2 times",
    "5 folds, four times": "5-fold cross-validation, 4 times",
}


@pytest.mark.parametrize(
    ("rows", "row"),
    [
        (299, "below 300"),
        (999, "below 1,000"),
        (9_999, "below 10,000"),
        (29_999, "below 30,000"),
        (30_000, "beyond"),
    ],
)
def test_the_table_of_folds_is_what_is_done(rows, row):
    from thalweg.evaluation import choose_splits

    line = re.search(rf"^\| {row} \|(.*)\|$", PAGES["concepts.md"].read_text(), re.M)
    cells = [cell.strip() for cell in line[1].split("|")]
    for preset, cell in zip(("fast", "balanced", "best"), cells, strict=True):
        found = choose_splits(rows, "regression", preset=preset).describe()
        assert re.sub(r"\d[\d,]* rows", "", found) == FOLDS[cell]


def test_the_page_on_choosing_names_what_a_space_may_hold():
    from thalweg.training.assembly import NAMED, NUMBERS, SHAPES

    text = PAGES["how-to-choose.md"].read_text()
    section = text.partition("## Names that a space may hold")[2]
    unread = {"embedding_rate"}  # known, but nothing makes use of it yet
    for name in {*NAMED, *NUMBERS, *SHAPES, "epochs"} - unread:
        assert f"`{name}`" in section, name


def test_the_index_names_every_page_and_example():
    text = PAGES["index.md"].read_text()
    for page in PAGES.keys() - {"README.md", "index.md"}:
        assert f"]({page})" in text, page
    for example in (ROOT / "examples").glob("*.py"):
        assert f"](../examples/{example.name})" in text, example.name
