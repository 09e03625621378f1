"""The page: whole, offline, safe, for studies of every size."""

import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from thalweg.core.errors import StoreError
from thalweg.report import render, write_report
from thalweg.report.drawing import draw
from thalweg.report.markup import el, join, script_json
from thalweg.store import to_frame

sys.path.insert(0, str(Path(__file__).parent))
from studies import report_data, trial_rows

SECTIONS = (
    "progress",
    "curves",
    "diagnosis",
    "leader",
    "importance",
    "leaderboard",
    "time",
)
SECTIONS += ("baseline", "data", "reproduce")
VOID = ("meta", "br", "hr", "img", "input", "col")


class Page(HTMLParser):
    """Elements, texts and figures of a page; fails if an element is not closed."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.texts: list[str] = []
        self.figures: list[dict] = []
        self.scripts: list[str] = []
        self.feed(html)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if self.stack and self.stack[-1] == "script":
            if self.elements[-1][1].get("type") == "application/json":
                self.figures.append(json.loads(data, parse_constant=pytest.fail))
            else:
                self.scripts.append(data)
        elif self.stack and self.stack[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def ids(self) -> list[str]:
        return [attrs["id"] for _, attrs in self.elements if attrs.get("id")]


@pytest.fixture(scope="module")
def html() -> str:
    return render(report_data())


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_every_section_is_there(page: Page):
    assert [name for name in page.ids() if name in SECTIONS] == list(SECTIONS)
    assert len(page.ids()) == len(set(page.ids()))


def test_the_answer_comes_first(page: Page):
    opening = page.text[: page.text.index("How far to trust it")]
    assert "Predicting median_house_value" in opening
    assert "The best of 228 trained networks is a TabM ensemble of" in opening
    assert "validation RMSE is 0.459 ± 0.011" in opening
    assert "the baseline, a linear model, has 0.720 ± 0.011" in opening
    assert "learning rate" in opening
    assert "mean over 5 folds of 16 512 rows" in page.text
    assert "expect a slightly worse score on new rows" in page.text
    assert "within one standard error of the leader" in page.text


def test_nothing_is_fetched(html: str, page: Page):
    for tag, attrs in page.elements:
        assert tag not in ("link", "iframe", "img", "base", "object", "embed"), tag
        assert not {"src", "href", "srcset", "action"} & set(attrs), (tag, attrs)
    ours = [script for script in page.scripts if "plotly.js v" not in script[:200]]
    assert len(ours) == 1
    style = html[html.index("<style>") : html.index("</style>")]
    for text in (*ours, style):
        assert not re.search(r"https?:|@import|url\(|fetch\(|XMLHttp|import\(", text)


def test_figures_are_what_plotly_reads(page: Page):
    progress, *others = page.figures
    best = next(t for t in progress["data"] if t["name"] == "best so far")
    assert best["y"] == sorted(best["y"], reverse=True)
    assert best["x"] == sorted(best["x"])
    base = next(t for t in progress["data"] if t["name"].startswith("baseline"))
    assert base["y"] == [0.72, 0.72]
    low, high = progress["layout"]["yaxis"]["range"]
    assert low < min(best["y"])
    assert high > 0.72
    faint = [t for t in others[0]["data"] if t["opacity"] < 1]
    assert len(faint) == 5  # the leader's folds
    assert len(others[0]["data"]) == 5 + 5  # and five trials
    for figure in page.figures:
        for trace in figure["data"]:
            assert len(trace["x"]) == len(trace["y"]) > 0


def test_the_leaderboard_is_in_order(html: str):
    table = html[html.index('class="sortable"') :]
    scores = [
        float(m)
        for m in re.findall(r"<td data-value=\"([\d.]+)\"[^>]*>[\d.]+\xa0±", table)
    ]
    assert len(scores) == 100
    assert scores == sorted(scores)
    assert "The best 100 of 228." in html


def test_higher_is_better_turns_it_round():
    page = Page(render(report_data(60, maximize=True)))
    best = next(t for t in page.figures[0]["data"] if t["name"] == "best so far")
    assert best["y"] == sorted(best["y"])
    assert "validation accuracy is" in page.text
    assert "higher is better" in page.text


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_small_studies_have_a_page(n):
    page = Page(render(report_data(n)))
    if n == 0:
        assert "There is no network yet: no trial ended." in page.text
        assert "importance" not in page.ids()
        assert "a linear model" in page.text
        assert page.figures == []
    else:
        assert "leaderboard" in page.ids()
        assert "It takes at least 20 trials to tell" in page.text


def test_a_study_with_nothing_but_failures_has_a_page():
    rows = [
        replace(row, status="diverged", score=float("nan"), score_error=float("nan"))
        for row in trial_rows(30)
    ]
    data = report_data(0, trials=to_frame(rows))
    page = Page(render(data))
    assert "of 30 trials none has a score" in page.text
    assert "30 diverged" in page.text


def test_bare_trials_have_a_page():
    from thalweg.report import ReportData

    rows = [replace(r, finished=float("nan")) for r in trial_rows(40)]
    page = Page(render(ReportData(trials=to_frame(rows))))
    assert page.figures[0]["layout"]["xaxis"]["title"]["text"] == "trials"
    assert "baseline" not in page.ids()


def test_five_thousand_trials_fit():
    text = render(report_data(5000))
    assert len(text.encode()) < 12e6
    page = Page(text)
    assert len(page.figures[0]["data"][0]["x"]) > 4000


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


def test_names_from_a_table_are_only_text():
    rows = [
        replace(
            r,
            config={**r.config, HOSTILE: r.config["depth"], "activation": HOSTILE},
            reason=HOSTILE,
            signature=HOSTILE,
        )
        for r in trial_rows(40)
    ]
    rows = [
        replace(r, config=r.config | {"depth": HOSTILE * (r.number % 2)}) for r in rows
    ]
    data = report_data(40, trials=to_frame(rows))
    layers = [(HOSTILE, HOSTILE, 1)]
    data = replace(
        data,
        title=HOSTILE,
        target=HOSTILE,
        metric=HOSTILE,
        proposer=HOSTILE,
        command=HOSTILE,
        status=HOSTILE,
        leader={"layers": layers},
        baseline={"name": HOSTILE, "score": 1.0, "others": [{"name": HOSTILE}]},
        evaluation={"scheme": HOSTILE, "note": HOSTILE},
        time={HOSTILE: 3.0},
        summary={
            HOSTILE: {HOSTILE: HOSTILE},
            "target": {"counts": {HOSTILE: 3, "\ud800": 2}},
            "notes": [HOSTILE],
        },
        environment={HOSTILE: HOSTILE},
        curves=[replace(c, metrics={HOSTILE: c.steps}) for c in data.curves],
    )
    text = render(data)
    page = Page(text)
    tags = {tag for tag, _ in page.elements}
    assert "img" not in tags
    assert sum(tag == "script" for tag, _ in page.elements) == 2 + len(page.figures)
    assert not any(key.startswith("on") for _, attrs in page.elements for key in attrs)
    # plotly itself reads <b>, <a> … in texts that it draws
    for figure in page.figures:
        drawn = [t.get("name", "") for t in figure["data"]]
        drawn += [t["hovertemplate"] for t in figure["data"] if "hovertemplate" in t]
        for axis in ("xaxis", "yaxis"):
            drawn.append(figure["layout"][axis]["title"]["text"])
            drawn += figure["layout"][axis].get("ticktext", [])
        for words in drawn:
            assert "<img" not in words
            assert "<script" not in words
    assert HOSTILE.split()[0] in page.text
    text.encode("utf-8")


def test_markup_escapes_texts_and_attributes():
    made = el("p", "1 < 2", el("b", "x"), None, ["a", "&"], cls='"', data_value=3)
    assert made == '<p class="&quot;" data-value="3">1 &lt; 2<b>x</b>a&amp;</p>'
    assert el("meta", name_="x", hidden=True, id=None) == '<meta name="x" hidden>'
    assert join("<", el("br")) == "&lt;<br>"
    assert script_json({"a": "</script>"}) == '{"a":"\\u003c/script\\u003e"}'


def test_many_layers_are_folded():
    layers = [(f"layer {i}", (64, 64), 10) for i in range(50)]
    drawn = str(draw(layers))
    assert drawn.count("<rect") == 15
    assert "… 35 layers …" in drawn
    assert ">350<" in drawn
    assert draw([]) is None


def test_writing_is_atomic_and_explained(tmp_path: Path):
    out = tmp_path / "report.html"
    assert write_report(report_data(3), out) == out
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(StoreError, match="does not exist"):
        write_report(report_data(3), tmp_path / "no" / "report.html")
    with pytest.raises(StoreError, match="file"):
        write_report(report_data(3), out / "report.html")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
