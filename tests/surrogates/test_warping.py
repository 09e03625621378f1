"""Warped losses: order, ties and scale, whatever the outliers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.surrogates import warp

anything = st.floats(allow_nan=True, allow_infinity=True, width=64)
few = st.sampled_from([1.0, 2.0, 3.0, 5.0, 8.0])  # so that there are ties
losses = st.lists(anything, min_size=1, max_size=40) | st.lists(few, min_size=1)


@given(losses)
def test_order_and_ties_are_kept_and_all_is_finite(values):
    loss = np.array(values)
    y = warp(loss)
    assert np.isfinite(y).all()
    finite = loss[np.isfinite(loss)]
    worst = finite.max() if len(finite) else 0.0
    known = np.where(np.isfinite(loss), loss, worst)
    order = np.argsort(known, kind="stable")
    assert (np.diff(y[order]) >= -1e-12).all()
    for value in set(known.tolist()):
        assert np.ptp(y[known == value]) <= 1e-12
    if len(set(known.tolist())) > 1:
        assert y.mean() == pytest.approx(0, abs=1e-9)
        assert y.std() == pytest.approx(1)
    else:
        assert (y == 0).all()


def test_the_better_half_keeps_its_distances_and_outliers_don_t_matter():
    loss = np.array([1.0, 2.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    wild = np.array([1.0, 2.0, 4.0, 5.0, 6.0, np.nan, 1e300])
    y = warp(loss)
    np.testing.assert_allclose(np.diff(y[:4]) / (y[1] - y[0]), [1, 2, 1])
    z = warp(wild)
    np.testing.assert_allclose(np.diff(z[:4]) / (z[1] - z[0]), [1, 2, 1], rtol=1e-6)
    assert z[5] == z[6] == z.max()
    assert z.max() < 3


def test_ties_of_the_worse_half_share_their_mean_rank():
    y = warp(np.array([1.0, 2.0, 2.0, 3.0, 5.0, 5.0, 8.0]))
    z = warp(np.array([1.0, 2.0, 2.0, 3.0, 5.0, 6.0, 8.0]))
    assert y[4] == y[5]
    assert z[3] < z[4] < y[4] < z[5] < z[6]
    assert y[6] == pytest.approx(z[6], rel=0.05)


def test_nothing_finite_is_all_zero():
    assert (warp(np.array([np.nan, np.inf])) == 0).all()
