"""The run directory: what it takes, what it refuses, what it leaves alone."""

from pathlib import Path

import numpy as np
import pytest

from thalweg.core.errors import StoreError
from thalweg.store import Round, RunDir, Store, StudyRow, TrialRow


def contents(path: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_layout(tmp_path: Path):
    settings = {"target": "größe", "limit": float("inf")}
    with Store.create(tmp_path / "a" / "b", StudyRow(settings=settings)) as store:
        run = store.rundir
        name = run.save_weights(12, {"kernel": np.ones(3)})
        assert name == "trial-000012.safetensors"
        assert run.marks()["study"] == store.name
        assert run.marks()["settings"] == settings
    names = {p.name for p in (tmp_path / "a" / "b").iterdir()}
    assert names == {"run.lock", "settings.json", "study.db", "weights"}


def test_foreign_files_are_refused_and_untouched(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("years of work")
    (tmp_path / "study.db").write_bytes(b"of another program")
    before = contents(tmp_path)
    with pytest.raises(StoreError, match=r"'study\.db', 'thesis\.tex'\. Choose"):
        Store.create(tmp_path, StudyRow())
    assert contents(tmp_path) == before
    assert not (tmp_path / "weights").exists()


def test_foreign_settings_are_refused_and_untouched(tmp_path: Path):
    for text in ('{"editor": "vi"}', "[1]", "{", "\xff"):
        (tmp_path / "settings.json").write_text(text, encoding="latin-1")
        before = contents(tmp_path)
        for opening in (
            lambda: Store.create(tmp_path, StudyRow()),
            lambda: Store.open(tmp_path),
        ):
            with pytest.raises(StoreError, match="must be one that this version"):
                opening()
        assert contents(tmp_path) == before
        assert not (tmp_path / "weights").exists()


def test_weights_of_unknown_origin_are_refused(tmp_path: Path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "mine.pt").write_bytes(b"x")
    with pytest.raises(StoreError, match=r"weights/mine\.pt"):
        Store.create(tmp_path, StudyRow())


def test_another_study_is_refused(tmp_path: Path):
    with Store.create(tmp_path / "run", StudyRow(fingerprint="iris")) as store:
        store.record(Round(number=0, trials=[TrialRow(number=0, config={})]))
    with pytest.raises(StoreError, match=r"already holds a study \(begun .*, 1 trials"):
        Store.create(tmp_path / "run", StudyRow())
    with pytest.raises(StoreError, match="holds one of others"):
        Store.open(tmp_path / "run", write=True, fingerprint="wine")
    with Store.open(tmp_path / "run", write=True, fingerprint="iris") as store:
        assert len(store.trials()) == 1


def test_a_file_or_nothing_is_not_a_run(tmp_path: Path):
    file = tmp_path / "file"
    file.write_text("x")
    for path in (file, file / "below"):
        with pytest.raises(StoreError, match="is, or lies below, a file"):
            Store.create(path, StudyRow())
    with pytest.raises(StoreError, match="There is no run directory"):
        Store.open(tmp_path / "typo")
    with pytest.raises(StoreError, match=r"has a settings\.json, but"):
        Store.open(tmp_path)
    assert file.read_text() == "x"
    assert not (tmp_path / "run.lock").exists()


def test_a_read_only_medium_can_be_read(tmp_path: Path, monkeypatch):
    """No file may appear beside the database, not even for a moment."""
    with Store.create(tmp_path / "run", StudyRow()) as store:
        store.record(Round(number=0, trials=[TrialRow(number=0, config={})]))
    before = set((tmp_path / "run").iterdir())
    with Store.open(tmp_path / "run") as store:
        assert len(store.trials()) == 1
        assert set((tmp_path / "run").iterdir()) == before


def test_weights_are_replaced_only_after_the_rows(tmp_path: Path):
    with Store.create(tmp_path / "run", StudyRow()) as store:
        run = store.rundir

        def save(value: float) -> TrialRow:
            name = run.save_weights(3, {"x": np.full(2, value)}, metadata={"v": value})
            return TrialRow(number=3, config={}, weights=name)

        store.record(Round(number=0, trials=[save(1.0)]))
        again = save(2.0)
        assert again.weights != store.trials()[0].weights
        arrays, metadata = run.load_weights(store.trials()[0].weights)
        assert (arrays["x"] == 1).all()
        assert metadata == {"v": 1.0}
        store.record(Round(number=1, trials=[again]))
        assert [p.name for p in run.weights.iterdir()] == [again.weights]
        assert (run.load_weights(again.weights)[0]["x"] == 2).all()
        store.record(Round(number=2, released=[3]))
        assert store.trials()[0].weights == ""
        assert not list(run.weights.iterdir())


def test_sweeping_spares_named_weights_and_the_users_files(tmp_path: Path):
    with Store.create(tmp_path / "run", StudyRow()) as store:
        name = store.rundir.save_weights(0, {"x": np.zeros(1)})
        store.record(
            Round(number=0, trials=[TrialRow(number=0, config={}, weights=name)])
        )
        store.rundir.save_weights(1, {"x": np.zeros(1)})
    run = RunDir(tmp_path / "run")
    (run.weights / ".thalweg-1-x").write_bytes(b"half")
    (run.weights / "notes.txt").write_text("mine")
    (run.path / "report.html").write_text("mine")
    with Store.open(run.path):  # a reader deletes nothing
        assert len(list(run.weights.iterdir())) == 4
    Store.open(run.path, write=True).close()
    assert {p.name for p in run.weights.iterdir()} == {name, "notes.txt"}
    assert (run.path / "report.html").exists()
