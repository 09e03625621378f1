"""Which optimizer of ours takes which other program's steps, and how exactly.

    python -m thalweg.testing.conformance                # every optimizer; minutes
    python -m thalweg.testing.conformance adamw lion
    python -m thalweg.testing.conformance --markdown > docs/conformance.md

Runs ours in double precision and compares with recorded paths, so that none of the
other libraries is needed. The exit status is 1 if a difference is above its tolerance.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from thalweg.optimizers import OPTIMIZERS
from thalweg.testing.disagreements import Topic, topics
from thalweg.testing.oracles import Case, cases, difference, recorded

INTRODUCTION = """\
# Conformance

Every optimizer is held, step by step, to the papers' equations and to the programs that
people use. This page is printed by

```
python -m thalweg.testing.conformance --markdown
```

which anybody can run: the other libraries' paths are recorded numbers in the package.

**How it is measured.** Double precision; the same start and the same gradients, given
beforehand; the parameters after *every* step are compared, relative to the largest
magnitude that each has had. Problem *hostile*: 60 steps, arrays of 0, 1, 2 and 4
dimensions, entries that are ordinary, flip their sign at each step, are mostly 0, are 0
for the first 20 steps, jump between 1e-12 and 1e12, stay at 1e-12, or explode once.
Problem *matrices*: 50 steps of three kernels, some of rank 1, some tiny. `rate` falls
linearly, or is constant for the papers and where a library takes no schedule.

A difference of about 1e-15 is rounding. The bound is 1e-12 unless a note says why not.
"""
DISAGREEMENTS = """\
## Who disagrees with whom

The same start, the same 50 gradients (of size 1e-3; for matrix methods those of
*matrices*), a rate of 0.01 (Prodigy: 1), equal named arguments, and for the rest each
library's own defaults. *Gap*: how far a side ends from the first, in parts of the way
that the first went; for schedules, activations and clipping, in parts of its largest
value. *Ours* takes the same steps (tested), and is empty where we have no such option.
pytorch_optimizer adds 1e-15 under some roots, which is left out here.
"""
DEFECTS = """\
## Known defects of others

Small programs that each show one, with what they printed (`scripts/record_defects.py`
runs them again). They are why the libraries concerned are no oracles there. Every large
library has some, ours surely too: please tell us.
"""
NAMES = {kind.__name__: name for name, kind in OPTIMIZERS.items()}


class Row(NamedTuple):
    """A case, and how far apart we are."""

    case: Case
    difference: float

    @property
    def fine(self) -> bool:
        """Whether it is within the tolerance."""
        return self.difference <= self.case.tolerance

    def cells(self) -> tuple[str, ...]:
        """The oracle, its call, ours, the steps, the difference, the verdict."""
        case = self.case
        oracle = f"{case.oracle} {case.version}".strip()
        steps = f"{len(case.params)}, {case.problem}"
        verdict = "same" if case.tolerance <= 1e-12 else f"up to {case.tolerance:.0e}"
        verdict = f"{verdict}: {case.note}" if case.note else verdict
        shown = f"{self.difference:.0e}"
        verdict = verdict if self.fine else "DIFFERENT"
        return oracle, case.call, case.ours, steps, shown, verdict


HEADINGS = ("oracle", "its call", "ours", "steps", "largest difference", "verdict")


def ordered(names: Sequence[str] = ()) -> list[Case]:
    """The cases of some optimizers, or of all, in the order of the registry."""
    for name in names:
        _ = OPTIMIZERS[name]  # raises for unknown names
    order = {kind.__name__: place for place, kind in enumerate(OPTIMIZERS.values())}
    found = [c for c in cases() if not names or NAMES.get(c.kind) in names]
    return sorted(found, key=lambda case: order.get(case.kind, len(order)))


def measured(some: Iterable[Case]) -> Iterator[Row]:
    """Each case run."""
    for case in some:
        yield Row(case, difference(case))


def by_optimizer(rows: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Rows of one class of ours after the other."""
    for kind, group in groupby(rows, key=lambda row: row.case.kind):
        yield kind, list(group)


def markdown(rows: Sequence[Row]) -> str:
    """The page."""
    parts = [INTRODUCTION, _summary(rows)]
    for kind, group in by_optimizer(rows):
        lines = [_line(_coded(row.cells())) for row in group]
        parts.append("\n".join([f"## {kind}\n", *_head(HEADINGS), *lines]) + "\n")
    parts += [DISAGREEMENTS, *map(_disagreement, topics(check=False))]
    parts += [DEFECTS, *map(_defect, recorded("defects/defects"))]
    return "\n".join(parts)


def _defect(defect: Mapping[str, str]) -> str:
    about = f"**{defect['title']}** ({defect['library']} {defect['version']}). "
    return (
        f"{about}{defect['remark']}\n\n```\n{defect['code']}```\n\n"
        f"prints `{defect['printed']}`\n"
    )


def _disagreement(topic: Topic) -> str:
    lines = [
        _line(_coded((f"{s.oracle} {s.version}".strip(), s.call, s.ours, _gap(s.gap))))
        for s in topic.sides
    ]
    head = _head(("who", "the call", "ours", "gap"))
    return "\n".join([f"**{topic.title}.**\n", *head, *lines]) + "\n"


def _gap(gap: float) -> str:
    """In parts of the way, or "0" for rounding."""
    return f"{gap:.2g}" if gap > 1e-12 else "0"


def _summary(rows: Sequence[Row]) -> str:
    oracles = {row.case.oracle for row in rows}
    kinds = {row.case.kind for row in rows}
    exact = sum(row.case.tolerance <= 1e-12 for row in rows)
    return (
        f"{len(rows)} cases of {len(kinds)} optimizers against {len(oracles)} oracles: "
        f"{exact} are the same,\nthe others differ for a reason that is named.\n"
    )


def _head(names: Iterable[str]) -> list[str]:
    names = list(names)
    return [_line(names), _line("---" for _ in names)]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _coded(cells: tuple[str, ...]) -> Iterator[str]:
    """Calls in code style, but a paper is prose."""
    for place, cell in enumerate(cells):
        prose = place == 1 and cells[0] == "paper"
        yield f"`{cell}`" if cell and place in (1, 2) and not prose else cell


def show(rows: Iterable[Row]) -> list[Row]:
    """Print each optimizer's table as soon as it is measured."""
    console, seen = Console(), []
    for kind, group in by_optimizer(rows):
        table = Table(*HEADINGS, title=kind, title_justify="left")
        for row in group:
            table.add_row(*row.cells())
        console.print(table)
        seen += group
    return seen


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m thalweg.testing.conformance")
    parser.add_argument(
        "optimizer", nargs="*", help="names, as `thalweg list` has them"
    )
    parser.add_argument("--markdown", action="store_true", help="print the docs' page")
    options = parser.parse_args(arguments)
    rows = measured(ordered(options.optimizer))
    if options.markdown:
        rows = list(rows)
        sys.stdout.write(markdown(rows))
    else:
        rows = show(rows)
    return 0 if all(row.fine for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
