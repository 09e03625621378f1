"""What a diagnosis says: findings, the most severe first."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# How severe: nothing can be learned so; something is wrong; there is more to gain.
BROKEN, IMPAIRED, IMPROVABLE = 3, 2, 1


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, how it shows, and what to change."""

    name: str
    evidence: str  # what was measured, in one sentence
    remedy: str  # which argument to change, to about what, in one sentence
    layer: str | None = None  # a path such as "layers/0/linear/kernel"; None: all
    severity: int = IMPAIRED


@dataclass(frozen=True)
class Diagnosis:
    """Findings, the most severe first; empty, and false, if there are none."""

    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()  # what could not be looked at, and why

    @staticmethod
    def of(findings: Iterable[Finding], notes: Iterable[str] = ()) -> "Diagnosis":
        """In order of severity; equals as they are given."""
        ordered = sorted(findings, key=lambda finding: -finding.severity)
        return Diagnosis(tuple(ordered), tuple(notes))

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __getitem__(self, place: int) -> Finding:
        return self.findings[place]

    @property
    def names(self) -> list[str]:
        """What was found, each name once."""
        return list(dict.fromkeys(finding.name for finding in self.findings))

    def __str__(self) -> str:
        lines = []
        for number, finding in enumerate(self.findings, start=1):
            where = f" in {finding.layer}" if finding.layer else ""
            lines.append(f"{number}. {finding.name}{where}")
            lines.append(_indented(finding.evidence))
            lines.append(_indented(f"Remedy: {finding.remedy}"))
        if not lines:
            lines = ["Nothing wrong was found."]
        return "\n".join([*lines, *(fill(note, 88) for note in self.notes)])

    def to_dataframe(self) -> "pd.DataFrame":
        """One row per finding."""
        import pandas as pd

        columns = ["name", "layer", "evidence", "remedy", "severity"]
        rows = [[getattr(finding, name) for name in columns] for finding in self]
        return pd.DataFrame(rows, columns=pd.Index(columns))


def _indented(text: str) -> str:
    return fill(text, 88, initial_indent="   ", subsequent_indent="   ")
