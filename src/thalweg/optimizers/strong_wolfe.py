"""A line search for the strong Wolfe conditions: enough decrease, and a flatter slope.

Nocedal & Wright 2006, Numerical Optimization, Algorithms 3.5 and 3.6 and equation 3.59
(the minimum of a cubic), https://doi.org/10.1007/978-0-387-40065-5
Safeguards: a trial too near an end of its interval, twice in a row, is moved a tenth
of the interval away, as minFunc and PyTorch do, whose steps these are. Where rounding
hides a decrease the slopes decide: the approximate conditions of Hager & Zhang 2005,
equation 4.1, https://doi.org/10.1137/030601880
"""

from collections.abc import Callable
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from thalweg.core.typing import Hyper

T = TypeVar("T")
Scalar = Float[Array, ""]
FARTHEST = 1e4  # times the first trial: a loss may fall for ever


class Point(eqx.Module):
    """A step along the line, with the loss and its slope there."""

    step: Scalar
    value: Scalar
    slope: Scalar


class Search(eqx.Module):
    """What is known, and where to look next."""

    low: Point  # the best so far; before there is a bracket, the last
    high: Point  # the other end of the bracket
    trial: Scalar
    bracketed: Bool[Array, ""]
    stalled: Bool[Array, ""]  # the last trial was near an end
    done: Bool[Array, ""]  # `low` keeps the conditions
    evaluations: Int[Array, ""]


class StrongWolfe(eqx.Module):
    """`f(t) <= f(0) + decrease * t * f'(0)` and `|f'(t)| <= flatter * |f'(0)|`."""

    decrease: Hyper
    flatter: Hyper
    max_evaluations: int = eqx.field(static=True)

    def search(
        self,
        evaluate: Callable[[Scalar], Point],
        start: Point,
        first: Scalar,
    ) -> Search:
        """The search from `start`, downhill, with its first trial at `first`.

        `low` of the result is where to go: it keeps the conditions if `done`, and is
        `start` if no point was better. A trial whose loss is not finite is too far.
        """

        def goes_on(now: Search) -> Bool[Array, ""]:
            ends = now.low.step, now.high.step
            finest = jnp.finfo(now.trial.dtype).eps * jnp.maximum(*ends)
            narrow = now.bracketed & (jnp.abs(ends[0] - ends[1]) <= finest)
            too_far = now.trial > FARTHEST * first
            over = now.done | narrow | too_far
            return ~over & (now.evaluations < self.max_evaluations)

        def body(now: Search) -> Search:
            new = _finite(evaluate(now.trial))
            too_high = self._too_high(start, new)
            flat = jnp.abs(new.slope) <= -self.flatter * start.slope
            return _choose(
                now.bracketed,
                _zoom(now, new, too_high, flat),
                _bracket(now, new, too_high, flat),
            )

        no, none = jnp.zeros((), bool), jnp.zeros((), jnp.int32)
        return jax.lax.while_loop(
            goes_on, body, Search(start, start, first, no, no, no, none)
        )

    def _too_high(self, start: Point, new: Point) -> Bool[Array, ""]:
        """Whether the decrease is not enough."""
        bound = start.value + self.decrease * new.step * start.slope
        noise = 10 * jnp.finfo(start.value.dtype).eps * jnp.abs(start.value)
        slope = (2 * self.decrease - 1) * start.slope
        seems = (new.value <= start.value + noise) & (new.slope <= slope)
        return ~((new.value <= bound) | seems)


def _bracket(
    now: Search, new: Point, too_high: Bool[Array, ""], flat: Bool[Array, ""]
) -> Search:
    """Algorithm 3.5: go further until an interval must hold an acceptable step."""
    last = now.low
    beyond = too_high | ((now.evaluations > 0) & (new.value >= last.value))
    done = flat & ~beyond
    found = (beyond | (new.slope >= 0)) & ~done
    near, far = new.step + 0.01 * (new.step - last.step), 10 * new.step
    further = cubic(last, new, near, far)
    low, high = _ordered(last, new)
    inside, stalled = _inside(low, high, now.stalled)
    return Search(
        low=_choose(found, low, new),
        high=_choose(found, high, last),
        trial=jnp.where(found, inside, further),
        bracketed=found,
        stalled=stalled & found,
        done=done,
        evaluations=now.evaluations + 1,
    )


def _zoom(
    now: Search, new: Point, too_high: Bool[Array, ""], flat: Bool[Array, ""]
) -> Search:
    """Algorithm 3.6: shrink the interval around an acceptable step."""
    worse = too_high | (new.value >= now.low.value)
    turned = new.slope * (now.high.step - now.low.step) >= 0
    ends = new, _choose(turned, now.low, now.high)
    low, high = _choose(worse, _ordered(now.low, new), ends)
    trial, stalled = _inside(low, high, now.stalled)
    return Search(
        low, high, trial, now.bracketed, stalled, flat & ~worse, now.evaluations + 1
    )


def _inside(
    one: Point, other: Point, stalled: Bool[Array, ""]
) -> tuple[Scalar, Bool[Array, ""]]:
    """Where to look within a bracket, and whether that is near one of its ends."""
    left, right = jnp.minimum(one.step, other.step), jnp.maximum(one.step, other.step)
    margin = 0.1 * (right - left)
    trial = cubic(one, other, left, right)
    near = jnp.minimum(right - trial, trial - left) < margin
    away = near & (stalled | (trial >= right) | (trial <= left))
    nearer = jnp.abs(trial - right) < jnp.abs(trial - left)
    moved = jnp.where(nearer, right - margin, left + margin)
    return jnp.where(away, moved, trial), near & ~away


def cubic(one: Point, other: Point, lowest: Scalar, highest: Scalar) -> Scalar:
    """The minimum of the cubic through two points, held within an interval.

    Its middle if the cubic has none.
    """
    swap = one.step > other.step
    left, right = _choose(swap, (other, one), (one, other))
    width = right.step - left.step
    a = left.slope + right.slope - 3 * (right.value - left.value) / width
    square = a * a - left.slope * right.slope
    b = jnp.sqrt(jnp.maximum(square, 0.0))
    part = (right.slope + b - a) / (right.slope - left.slope + 2 * b)
    found = right.step - width * part
    known = (square >= 0) & jnp.isfinite(found)
    return jnp.where(
        known, jnp.clip(found, lowest, highest), lowest + (highest - lowest) / 2
    )


def _finite(point: Point) -> Point:
    """A point whose loss or slope is NaN or infinite, as infinitely high."""
    fine = jnp.isfinite(point.value) & jnp.isfinite(point.slope)
    return Point(
        point.step,
        jnp.where(fine, point.value, jnp.inf),
        jnp.where(fine, point.slope, jnp.inf),
    )


def _ordered(one: Point, other: Point) -> tuple[Point, Point]:
    """The lower point first."""
    return _choose(one.value <= other.value, (one, other), (other, one))


def _choose(condition: Bool[Array, ""], yes: T, no: T) -> T:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
