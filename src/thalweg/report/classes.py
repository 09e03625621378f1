"""Which classes are taken for which, and the images that were called most wrong."""

from thalweg.report import text
from thalweg.report.facts import Facts
from thalweg.report.markup import Markup, el
from thalweg.report.pieces import section


def confusion(facts: Facts) -> Markup | None:
    """A table: a row for each true class, a column for each that was answered."""
    told = facts.data.leader.get("confusion")
    if not told:
        return None
    labels, counts = told["labels"], told["counts"]
    head = el("tr", el("th", "true \\ called"), *(el("th", name) for name in labels))
    rows = []
    for place, (name, row) in enumerate(zip(labels, counts, strict=True)):
        total = max(1, sum(row))
        cells = [
            el(
                "td",
                text.number(count) if count else "",
                cls="n",
                # what is right is no news: mistakes are what is tinted
                style=None if column == place else _tint(count / total),
            )
            for column, count in enumerate(row)
        ]
        rows.append(el("tr", el("th", name, scope="row"), cells))
    table = el("table", el("thead", head), el("tbody", rows))
    note = "Rows that the model was not trained on: how often each class was called so."
    return section(
        "confusion",
        "What was taken for what",
        el("div", table, cls="scroll", tabindex="0"),
        el("p", note, cls="caption"),
    )


def mistakes(facts: Facts) -> Markup | None:
    """The worst mistakes on images."""
    told = facts.data.leader.get("mistakes")
    if not told:
        return None
    shown = [
        el(
            "figure",
            el("img", src=one["image"], alt=f"a {one['truth']}", width="64"),
            el("figcaption", f"{one['truth']}, called {one['called']}"),
            style="display:inline-block;margin:0.3rem;width:7rem",
        )
        for one in told
    ]
    note = (
        "Of the images that were not trained on, those that the model is most sure of."
    )
    return section(
        "mistakes", "The worst mistakes", el("div", shown), el("p", note, cls="caption")
    )


def _tint(share: float) -> str | None:
    if not share:
        return None
    return f"background:rgba(200,60,40,{min(0.8, 0.1 + 2 * share):.2f})"
