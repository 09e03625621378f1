"""The tables of a study. Nothing in them is of one database only.

Every row carries its study's `id`, so that one PostgreSQL database may hold many; a run
directory's SQLite file holds one.

Curves are one row per replica with their values as little-endian float64. Measured for
a round of 64 trials x 5 replicas x 30 points x 3 metrics on SQLite: a row per point
93 ms and 37 MB after 2,000 trials, a row per replica as JSON 26 ms and 21 MB, as bytes
5 ms and 8 MB.
"""

from typing import Any

import sqlalchemy as sa

from thalweg.core.errors import InvalidInput
from thalweg.store import codec

SCHEMA = 1  # raised when older programs can't read what this one writes

metadata = sa.MetaData()


class Words(sa.types.TypeDecorator[str]):
    """Text of any origin, an error's message say: what no database takes is escaped."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str:
        del dialect
        text = (value or "").replace("\x00", "\\x00")
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Json(sa.types.TypeDecorator[Any]):
    """Any plain value as JSON text; see `codec`."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str:
        del dialect
        return codec.dumps(value)

    def process_result_value(self, value: str | None, dialect: Any) -> Any:
        del dialect
        return None if value is None else codec.loads(value)


class Real(sa.types.TypeDecorator[float]):
    """A double; NaN is NULL, since SQLite has no other. (It drops the sign of -0.0.)"""

    impl = sa.Double
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> float | None:
        del dialect
        number = float("nan") if value is None else float(value)
        return None if number != number else number

    def process_result_value(self, value: float | None, dialect: Any) -> float:
        del dialect
        return float("nan") if value is None else float(value)


class Whole(sa.types.TypeDecorator[int]):
    """A 64-bit integer; NumPy's are taken too."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> int:
        del dialect
        number = int(value)
        if not -(2**63) <= number < 2**63:
            raise InvalidInput(
                f"Whole numbers in the store have 64 bits, but got {number}. "
                "Use a smaller one."
            )
        return number


def _of_study() -> sa.Column[int]:
    return sa.Column(
        "study", sa.Integer, sa.ForeignKey("thalweg_study.id"), primary_key=True
    )


study = sa.Table(
    "thalweg_study",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("schema", sa.Integer, nullable=False),
    sa.Column("created", sa.String(40), nullable=False),
    sa.Column("version", Words, nullable=False),
    sa.Column("seed", Whole, nullable=False),
    sa.Column("fingerprint", Words, nullable=False),
    sa.Column("space", Json, nullable=False),
    sa.Column("settings", Json, nullable=False),
    sa.Column("status", Words, nullable=False),
)

trial = sa.Table(
    "thalweg_trial",
    metadata,
    _of_study(),
    sa.Column("number", Whole, primary_key=True),
    sa.Column("round", Whole, nullable=False),
    sa.Column("config", Json, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("score", Real),
    sa.Column("score_error", Real),
    sa.Column("loss", Real),
    sa.Column("metrics", Json, nullable=False),
    sa.Column("budget", Real),
    sa.Column("steps", Whole, nullable=False),
    sa.Column("parent", Whole, nullable=False),
    sa.Column("seed", Whole, nullable=False),
    sa.Column("signature", Words, nullable=False),
    sa.Column("parameters", Whole, nullable=False),
    sa.Column("compile_seconds", Real),
    sa.Column("train_seconds", Real),
    sa.Column("started", Real),
    sa.Column("finished", Real),
    sa.Column("reason", Words, nullable=False),
    sa.Column("weights", Words, nullable=False),
)

curve = sa.Table(
    "thalweg_curve",
    metadata,
    _of_study(),
    sa.Column("trial", Whole, primary_key=True),
    sa.Column("replica", Whole, primary_key=True),
    sa.Column("names", Json, nullable=False),  # the k metrics
    sa.Column("data", sa.LargeBinary, nullable=False),  # "<f8" [1 + k, t]: steps first
)

round_ = sa.Table(
    "thalweg_round",
    metadata,
    _of_study(),
    sa.Column("number", Whole, primary_key=True),
    sa.Column("state", sa.LargeBinary),  # the proposer's; only the last round's is kept
    sa.Column("seconds", Real),
    sa.Column("counters", Json, nullable=False),
)

event = sa.Table(
    "thalweg_event",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study", sa.Integer, sa.ForeignKey("thalweg_study.id"), index=True),
    sa.Column("kind", Words, nullable=False),
    sa.Column("seconds", Real),
    sa.Column("at", Real),
    sa.Column("data", Json, nullable=False),
)

# The log of an ask/tell study. Two processes can't both write the event of one number:
# the key refuses the second, in any database.
log = sa.Table(
    "thalweg_log",
    metadata,
    _of_study(),
    sa.Column("number", Whole, primary_key=True, autoincrement=False),
    sa.Column("record", Words, nullable=False),  # JSON
)
