"""Tables become finite arrays, by what the training rows alone say."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thalweg.core.errors import DataError, InvalidInput, UnknownName
from thalweg.data import SCALERS, Preprocessor, Schema, quantile_bins
from thalweg.data.quantiles import SortedColumns

RNG = np.random.default_rng(11)
N = 400


def mixed(n=N, rng=RNG):
    """A table with every kind of column and gaps in all of them."""
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "skewed": np.exp(rng.normal(size=n)),
            "zeros": np.where(rng.random(n) < 0.8, 0.0, rng.random(n)),
            "count": rng.integers(0, 5, n),
            "color": rng.choice(["red", "green", "blue"], n, p=[0.6, 0.3, 0.1]),
            "flag": rng.choice(["true", "false"], n),
            "day": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
        }
    )
    for name in ("x", "color", "flag", "day"):
        frame.loc[rng.random(n) < 0.1, name] = None
    return frame


FRAME = mixed()
SCHEMA = Schema.infer(FRAME)
FITTED = {name: Preprocessor.fit(FRAME, SCHEMA, scaler=name) for name in SCALERS}


def same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])
        assert a[name].dtype == b[name].dtype


@pytest.mark.parametrize("scaler", SCALERS)
def test_shapes_dtypes_and_names(scaler):
    fitted = FITTED[scaler]
    arrays = fitted.transform(FRAME)
    assert arrays["numeric"].dtype == np.float32
    assert arrays["categorical"].dtype == np.int32
    assert arrays["numeric"].shape == (N, fitted.numeric)
    assert arrays["categorical"].shape == (N, len(fitted.cardinalities))
    assert np.isfinite(arrays["numeric"]).all()
    assert fitted.numeric_names == (
        *("x", "skewed", "zeros", "count"),
        *("day.year", "day.month", "day.day", "day.weekday", "day.elapsed", "flag"),
        *("x is missing", "day is missing", "flag is missing"),
    )
    assert fitted.categorical_names == ("color",)
    assert fitted.cardinalities == (5,)  # unknown, three colours, missing


@pytest.mark.parametrize("scaler", SCALERS)
def test_state_is_json_and_arrays_and_restores_the_same(scaler):
    fitted = FITTED[scaler]
    record, arrays = fitted.to_state()
    assert all(isinstance(a, np.ndarray) and a.dtype != object for a in arrays.values())
    again = Preprocessor.from_state(json.loads(json.dumps(record)), arrays)
    same(again.transform(FRAME), fitted.transform(FRAME))
    np.testing.assert_array_equal(again.bins(8), fitted.bins(8))
    assert again.schema == fitted.schema
    assert again.cardinalities == fitted.cardinalities
    assert again.numeric_names == fitted.numeric_names


@pytest.mark.parametrize("scaler", SCALERS)
def test_rows_outside_of_the_training_part_change_nothing(scaler):
    rows = np.arange(0, N, 2)
    other = FRAME.copy()
    other.iloc[1::2] = mixed(rng=np.random.default_rng(5)).iloc[1::2]
    other.loc[1, "x"] = 1e300
    other.loc[3, "color"] = "violet"
    a = Preprocessor.fit(FRAME, SCHEMA, rows, scaler=scaler)
    b = Preprocessor.fit(other, SCHEMA, rows, scaler=scaler)
    assert a.to_state()[0] == b.to_state()[0]
    same(a.to_state()[1], b.to_state()[1])
    mask = np.arange(N) % 2 == 0
    same(
        Preprocessor.fit(FRAME, SCHEMA, mask, scaler=scaler).to_state()[1],
        a.to_state()[1],
    )
    # while a training row does
    other.loc[0, ["x", "color"]] = [50.0, "violet"]
    c = Preprocessor.fit(other, SCHEMA, rows, scaler=scaler)
    assert any((c.to_state()[1][k] != v).any() for k, v in a.to_state()[1].items())


@pytest.mark.parametrize("scaler", SCALERS)
def test_a_row_alone_is_transformed_as_among_others(scaler):
    fitted = FITTED[scaler]
    arrays = fitted.transform(FRAME)
    alone = [fitted.transform(FRAME.iloc[[i]]) for i in range(5)]
    for name in arrays:
        stacked = np.concatenate([a[name] for a in alone])
        np.testing.assert_array_equal(stacked, arrays[name][:5])


def test_robust_scaling_is_the_papers_formula():
    x = np.append(RNG.normal(3, 2, 200), 1e6)
    raw = pd.DataFrame({"x": x, "zeros": np.append(np.zeros(200), [4.0])})
    numeric = Preprocessor.fit(raw, Schema.infer(raw)).transform(raw)["numeric"]
    q1, median, q3 = np.quantile(x, [0.25, 0.5, 0.75])
    z = (x - median) / (q3 - q1)
    np.testing.assert_allclose(numeric[:, 0], z / np.sqrt(1 + (z / 3) ** 2), rtol=1e-5)
    z = 4 * 2 / 4.0  # no spread between the quartiles: half of the whole range
    np.testing.assert_allclose(numeric[-1, 1], z / np.sqrt(1 + (z / 3) ** 2), rtol=1e-6)
    assert np.abs(numeric).max() <= 3


def test_quantile_scaling_is_scikit_learns_where_nothing_is_tied():
    from sklearn.preprocessing import QuantileTransformer

    x = np.exp(RNG.normal(size=(N, 2)))
    oracle = QuantileTransformer(n_quantiles=N, output_distribution="normal").fit(x)
    fitted = SCALERS["quantile"].fit(SortedColumns.of(x))
    new = np.exp(RNG.normal(size=(99, 2)))
    np.testing.assert_allclose(fitted(new), oracle.transform(new), atol=2e-6)


def test_quantile_scaling_gives_tied_values_their_middle_rank():
    from scipy.special import ndtri
    from scipy.stats import rankdata

    x = RNG.integers(0, 4, N).astype(float)
    fitted = SCALERS["quantile"].fit(SortedColumns.of(x[:, None]))
    middle = ndtri((rankdata(x) - 1) / (N - 1))
    np.testing.assert_allclose(fitted(x[:, None])[:, 0], middle, atol=1e-2)


def test_standard_scaling_is_scikit_learns():
    from sklearn.preprocessing import StandardScaler

    x = RNG.normal(7, 3, (N, 2))
    fitted = SCALERS["standard"].fit(SortedColumns.of(x))
    np.testing.assert_allclose(fitted(x), StandardScaler().fit_transform(x), atol=1e-9)


@pytest.mark.parametrize("scaler", SCALERS)
@settings(max_examples=30)
@given(
    train=hnp.arrays(np.float64, st.tuples(st.integers(2, 12), st.just(3))),
    new=hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.just(3))),
)
def test_whatever_the_numbers_the_arrays_are_finite(scaler, train, new):
    frame = pd.DataFrame(train, columns=["a", "b", "c"]).assign(d=range(len(train)))
    fitted = Preprocessor.fit(frame, Schema.infer(frame), scaler=scaler)
    for x in (train, new):
        table = pd.DataFrame(x, columns=["a", "b", "c"]).assign(d=0.5)
        assert np.isfinite(fitted.transform(table)["numeric"]).all()
    assert np.isfinite(fitted.bins(4)).all()


@pytest.mark.parametrize("scaler", SCALERS)
def test_huge_numbers_do_not_move_the_scale(scaler):
    x = RNG.normal(size=N)
    wild = x.copy()
    wild[:2] = [1e300, -1e300]
    frame, wild = pd.DataFrame({"x": x}), pd.DataFrame({"x": wild})
    plain = Preprocessor.fit(frame.iloc[2:], Schema.infer(frame), scaler=scaler)
    fitted = Preprocessor.fit(wild, Schema.infer(wild), scaler=scaler)
    out, expected = fitted.transform(wild)["numeric"], plain.transform(frame)["numeric"]
    inner = np.abs(x) < 1.5  # the tails have two rows more now
    inner[:2] = False
    np.testing.assert_allclose(out[inner], expected[inner], atol=0.1)
    assert out[0] == out[2:].max()
    assert out[1] == out[2:].min()


def test_indicators_are_one_per_pattern():
    gap = np.arange(N) % 7 == 0
    frame = pd.DataFrame(RNG.normal(size=(N, 4)), columns=list("abcd"))
    frame.loc[gap, ["a", "b"]] = np.nan
    frame.loc[np.arange(N) % 5 == 0, "c"] = np.nan
    frame.loc[:1, "d"] = np.nan  # two rows are too few to learn from
    fitted = Preprocessor.fit(frame, Schema.infer(frame))
    assert fitted.numeric_names == ("a", "b", "c", "d", "a is missing", "c is missing")
    numeric = fitted.transform(frame)["numeric"]
    np.testing.assert_array_equal(numeric[:, 4], gap)
    assert (numeric[gap][:, :2] == 0).all()  # the median


def test_levels_by_frequency_rare_and_unknown_ones_as_zero():
    values = ["b"] * 50 + ["a"] * 50 + ["often"] * 90 + ["rare"] * 2 + [None] * 8
    frame = pd.DataFrame({"c": values})
    fitted = Preprocessor.fit(frame, Schema.infer(frame))
    new = pd.DataFrame({"c": ["often", "a", "b", "rare", "never seen", None]})
    assert fitted.transform(new)["categorical"][:, 0].tolist() == [1, 2, 3, 0, 0, 4]
    assert fitted.cardinalities == (5,)
    without = Preprocessor.fit(frame, Schema.infer(frame), np.arange(150))
    assert without.transform(new)["categorical"][-1, 0] == 0  # no missing in training


def test_many_levels_are_capped():
    frame = pd.DataFrame({"c": np.repeat([f"v{i}" for i in range(700)], 3)})
    schema = Schema.infer(frame)
    assert Preprocessor.fit(frame, schema).cardinalities == (513,)
    assert Preprocessor.fit(frame, schema, max_levels=9).cardinalities == (10,)


def test_columns_whose_dtype_drifted_are_read_all_the_same():
    text = FRAME.astype(object).where(FRAME.notna(), None)
    text["x"] = [None if v is None else str(v) for v in text["x"]]
    text["count"] = [f"{v}.0" for v in text["count"]]
    text["day"] = [None if v is None else str(v.date()) for v in text["day"]]
    text["flag"] = [None if v is None else v == "true" for v in text["flag"]]
    text["color"] = text["color"].astype("category")
    same(FITTED["robust"].transform(text), FITTED["robust"].transform(FRAME))
    numbers = pd.DataFrame({"c": ["1", "2", "X"] * 20})
    fitted = Preprocessor.fit(numbers, Schema.infer(numbers))
    arrays = fitted.transform(pd.DataFrame({"c": [1.0, 2.0, np.nan]}))
    assert arrays["categorical"][:, 0].tolist() == [1, 2, 0]


def test_prediction_by_name_with_statements():
    fitted = FITTED["robust"]
    table = FRAME[FRAME.columns[::-1]].assign(extra=1)
    arrays, (note,) = fitted.transform_stated(table)
    assert "'extra'" in note
    same(arrays, fitted.transform(FRAME))
    with pytest.raises(DataError, match="'skewed'"):
        fitted.transform(FRAME.drop(columns="skewed"))


def test_bins_hold_equally_many_rows():
    fitted = FITTED["robust"]
    numeric = fitted.transform(FRAME)["numeric"]
    edges = fitted.bins(8)
    assert edges.shape == (fitted.numeric, 9)
    assert edges.dtype == np.float32
    assert (np.diff(edges, axis=1) >= 0).all()
    np.testing.assert_allclose(edges[1], quantile_bins(numeric, 8)[1], atol=1e-6)
    present = FRAME["x"].notna().to_numpy()
    shares = np.histogram(numeric[present, 0], edges[0])[0] / present.sum()
    np.testing.assert_allclose(shares, 1 / 8, atol=2 / present.sum())
    assert fitted.bins(1)[9].tolist() == [-1, 1]  # the flag
    between = np.interp(np.linspace(0, 128, 6), np.arange(129), fitted.bins(128)[0])
    np.testing.assert_allclose(fitted.bins(5)[0], between, atol=1e-6)
    for q in (0, 129):
        with pytest.raises(InvalidInput, match="1 to 128"):
            fitted.bins(q)


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 30), st.integers(1, 3)),
        elements=st.floats(-1e6, 1e6) | st.just(np.nan),
    )
)
def test_quantiles_are_numpys(x):
    q = np.linspace(0, 1, 7)
    found = SortedColumns.of(x).quantile(q)
    for column, quantiles in zip(x.T, found, strict=True):
        kept = column[~np.isnan(column)]
        expected = np.quantile(kept, q) if len(kept) else np.zeros(7)
        np.testing.assert_allclose(quantiles, expected, rtol=1e-9, atol=1e-6)


def test_unknown_scalers_and_empty_rows():
    with pytest.raises(UnknownName, match="'robust'"):
        Preprocessor.fit(FRAME, SCHEMA, scaler="robst")
    with pytest.raises(InvalidInput, match="at least one training row"):
        Preprocessor.fit(FRAME, SCHEMA, [])


def test_ten_thousand_columns():
    wide = pd.DataFrame(RNG.normal(size=(60, 10_000)))
    wide.columns = [f"c{i}" for i in range(10_000)]
    wide[wide > 2] = np.nan
    schema = Schema.infer(wide)
    arrays = Preprocessor.fit(wide, schema).transform(wide)
    assert np.isfinite(arrays["numeric"]).all()
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema
