"""The store's contract, in memory, in a run directory and in a database by URL."""

import os
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from thalweg.core.errors import StoreError
from thalweg.store import Round, Store, StudyRow, TrialRow, schema
from thalweg.testing.store import STORE_CHECKS


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__[6:])
@pytest.mark.parametrize("where", ["memory", "rundir", "url"])
def test_contract(check, where, tmp_path):
    if where == "memory":
        check(Store.memory)
    elif where == "rundir":
        check(lambda study: Store.create(tmp_path / "run", study))
    else:
        # a scratch database of any kind; its studies are named at random
        default = f"sqlite:///{tmp_path / 'study.db'}"
        url = os.environ.get("THALWEG_TEST_STORAGE", default)
        check(lambda study: Store.connect(url, study))


@pytest.mark.parametrize("dialect", [postgresql.dialect(), mysql.dialect()])
def test_other_databases_can_make_the_tables(dialect):
    for table in schema.metadata.sorted_tables:
        text = str(sa.schema.CreateTable(table).compile(dialect=dialect))
        assert table.name in text


def test_frame_spreads_configuration_and_metrics():
    with Store.memory() as store:
        assert store.to_frame().columns[0] == "number"
        assert len(store.to_frame()) == 0
        rows = [
            TrialRow(number=0, config={"rate": 0.1}, metrics={"acc": 0.5}, score=0.5),
            TrialRow(number=1, config={"depth": 2}),
        ]
        store.record(Round(number=0, trials=rows))
        frame = store.to_frame()
    assert frame["config.rate"].tolist()[0] == 0.1
    assert np.isnan(frame["config.rate"].tolist()[1])
    assert frame["config.depth"].tolist()[1] == 2
    assert frame["metrics.acc"].tolist()[0] == 0.5
    assert "config" not in frame


def test_two_studies_share_a_database(tmp_path):
    url = f"sqlite:///{tmp_path / 'both.db'}"
    with (
        Store.connect(url, StudyRow(name="a")) as a,
        Store.connect(url, StudyRow(name="b")) as b,
    ):
        a.record(Round(number=0, trials=[TrialRow(number=0, config={"of": "a"})]))
        b.record(Round(number=0, trials=[TrialRow(number=0, config={"of": "b"})]))
        assert a.trials()[0].config == {"of": "a"}
        assert b.trials()[0].config == {"of": "b"}
    with Store.connect(url, StudyRow(name="a")) as again:
        assert len(again.trials()) == 1
    with pytest.raises(StoreError, match="must hold one study, but it holds 2"):
        Store.connect(url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "must be a database URL"),
        ("nosuchdb://x", "needs a driver"),
        ("sqlite:////no/such/folder/x.db", "can't be written"),
    ],
)
def test_bad_urls_are_explained(url, says, tmp_path):
    with pytest.raises(StoreError, match=says):
        Store.connect(url, StudyRow())
    with pytest.raises(StoreError, match=says):
        Store.create(tmp_path / "run", StudyRow(), storage=url)


def test_a_run_directory_can_have_its_rows_elsewhere(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'central.db'}"
    with Store.create(tmp_path / "run", StudyRow(), storage=url) as store:
        store.record(Round(number=0, trials=[TrialRow(number=0, config={})]))
    assert not (tmp_path / "run" / "study.db").exists()
    with Store.open(tmp_path / "run") as store:
        assert len(store.trials()) == 1


def test_a_password_is_never_written_down(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(
        "thalweg.store.store.open_engine",
        lambda url, write: sa.create_engine(f"sqlite:///{tmp_path / 'x.db'}"),
    )
    url = "postgresql://me:secret@host/db?sslpassword=secret&x=1"
    with Store.create(tmp_path / "run", StudyRow(), storage=url) as store:
        assert store.rundir.marks()["storage"] == "postgresql://me@host/db?x=1"
    files = [p for p in (tmp_path / "run").rglob("*") if p.is_file()]
    assert files
    assert not any(b"secret" in p.read_bytes() for p in files)


def test_a_newer_schema_is_refused(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(schema, "SCHEMA", 99)
    Store.create(tmp_path / "run", StudyRow()).close()
    monkeypatch.undo()
    with pytest.raises(StoreError, match="newer Thalweg"):
        Store.open(tmp_path / "run")
