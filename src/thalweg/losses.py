"""Losses: what training lowers, one value per example.

    loss = CrossEntropy(label_smoothing=0.1)
    values = loss(outputs, target)      # [b], no reduction: the engine averages
    prediction = loss.link(outputs)     # probabilities, or values for regression

Outputs are raw: logits for classes. Settings are array leaves, so that members of one
compiled program can each have their own. An ensemble's outputs `[b, m, c]` are given
one member at a time (`jax.vmap` over `m`), never averaged before the loss.
"""

from abc import abstractmethod
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import hyper
from thalweg.core.registry import Registry
from thalweg.core.typing import Hyper


class AbstractLoss(eqx.Module):
    """A loss: a value per example, and the link from outputs to predictions."""

    task: eqx.AbstractClassVar[str]  # "classification" or "regression"

    @abstractmethod
    def __call__(
        self, outputs: Float[Array, "b c"], target: Num[Array, "b *c"]
    ) -> Float[Array, " b"]:
        """The loss of each example; outputs of one example are averaged."""

    @abstractmethod
    def link(self, outputs: Float[Array, "*b c"]) -> Float[Array, "*b c"]:
        """The prediction that the outputs stand for."""

    @abstractmethod
    def unlink(self, prediction: Float[Array, "*b c"]) -> Float[Array, "*b c"]:
        """Outputs that stand for the prediction: how an ensemble's mean is judged."""


class SquaredError(AbstractLoss):
    """`(target - output)^2`; its best constant is the mean. No factor 1/2."""

    task: ClassVar[str] = "regression"

    def __call__(self, outputs, target):
        return jnp.mean(jnp.square(_residual(outputs, target)), axis=-1)

    def link(self, outputs):
        return outputs

    def unlink(self, prediction):
        return prediction


class AbsoluteError(AbstractLoss):
    """`|target - output|`; its best constant is the median. For heavy tails."""

    task: ClassVar[str] = "regression"

    def __call__(self, outputs, target):
        residual = _residual(outputs, target)
        size = residual * jnp.sign(residual)  # `jnp.abs` has slope 1 at 0, this has 0
        return jnp.mean(size, axis=-1)

    def link(self, outputs):
        return outputs

    def unlink(self, prediction):
        return prediction


class Huber(AbstractLoss):
    """Half the squared error up to `delta`, linear beyond: a few wild targets.

    Huber 1964, https://doi.org/10.1214/aoms/1177703732
    """

    task: ClassVar[str] = "regression"
    delta: Hyper = hyper(1.0, doc="residual, in units of the target, where it turns")

    def __call__(self, outputs, target):
        size = jnp.abs(_residual(outputs, target))
        inner = jnp.minimum(size, self.delta)  # never squares a large residual
        return jnp.mean(0.5 * inner**2 + self.delta * (size - inner), axis=-1)

    def link(self, outputs):
        return outputs

    def unlink(self, prediction):
        return prediction


class Pinball(AbstractLoss):
    """The quantile loss: its best constant is the `quantile` of the target.

    Koenker & Bassett 1978, https://doi.org/10.2307/1913643. With `quantile` of shape
    `[c]` each output learns its own; the target is then `[b, c]` too.
    """

    task: ClassVar[str] = "regression"
    quantile: Hyper = hyper(0.5, doc="in (0, 1); 0.5 is half the absolute error")

    def __call__(self, outputs, target):
        residual = _residual(outputs, target)
        value = jnp.maximum(self.quantile * residual, (self.quantile - 1) * residual)
        return jnp.mean(value, axis=-1)

    def link(self, outputs):
        return outputs

    def unlink(self, prediction):
        return prediction


def _as_weights(value: Any) -> Any:
    return jnp.asarray(value, dtype=jnp.result_type(float))


def _class_weight() -> Any:
    """A field of one weight for all classes, or of one for each."""
    metadata = {"hyper": True, "doc": "[c], or one number for all classes"}
    return eqx.field(converter=_as_weights, default=1.0, metadata=metadata)


class CrossEntropy(AbstractLoss):
    """Cross-entropy of one class out of `c`, from logits.

    Target: class codes `[b]`, or class probabilities `[b, c]` (mixed examples). Equal
    to PyTorch's `cross_entropy(..., reduction="none")`, also in that the class weights
    act on the smoothed target: `-sum_k weight_k q_k log p_k` with
    `q = (1 - label_smoothing) target + label_smoothing / c`. A mean over a batch is a
    plain mean (PyTorch's `reduction="mean"` divides by the weights' sum instead).
    """

    task: ClassVar[str] = "classification"
    label_smoothing: Hyper = hyper(0.0, doc="in [0, 1): how much goes to all classes")
    class_weight: Hyper = _class_weight()

    def __call__(self, outputs, target):
        classes = outputs.shape[-1]
        if (
            target.ndim == 1
        ):  # a product with one-hot rows: its gradient needs no scatter
            target = jax.nn.one_hot(target, classes, dtype=outputs.dtype)
        _check_shapes(outputs, target)
        spread = self.label_smoothing / classes
        wanted = (1 - self.label_smoothing) * target + spread
        log_p = jax.nn.log_softmax(outputs, axis=-1)
        return -jnp.sum(self.class_weight * wanted * log_p, axis=-1)

    def link(self, outputs):
        """Softmax: probabilities of the classes."""
        return jax.nn.softmax(outputs, axis=-1)

    def unlink(self, prediction):
        return jnp.log(jnp.maximum(prediction, _tiny(prediction)))


class BinaryCrossEntropy(AbstractLoss):
    """Cross-entropy of a yes/no question from one logit; or of `c` such questions.

    Target: 0, 1 or a probability, `[b]` for outputs `[b, 1]`, else `[b, c]`. Equal to
    `CrossEntropy` of the two logits `(0, z)`, smoothing and class weights included.
    """

    task: ClassVar[str] = "classification"
    label_smoothing: Hyper = hyper(0.0, doc="in [0, 1): how much goes to both classes")
    class_weight: Hyper = _class_weight()  # [2]: of no and of yes

    def __call__(self, outputs, target):
        target = _aligned(outputs, target)
        yes = (1 - self.label_smoothing) * target + self.label_smoothing / 2
        weight_no, weight_yes = jnp.broadcast_to(self.class_weight, (2,))
        no_loss = weight_no * (1 - yes) * jax.nn.softplus(outputs)
        yes_loss = weight_yes * yes * jax.nn.softplus(-outputs)
        return jnp.mean(no_loss + yes_loss, axis=-1)

    def link(self, outputs):
        """Sigmoid: the probability of yes, one column (`[b, 1]`) and not two."""
        return jax.nn.sigmoid(outputs)

    def unlink(self, prediction):
        small = _tiny(prediction)
        yes, no = jnp.maximum(prediction, small), jnp.maximum(1 - prediction, small)
        return jnp.log(yes) - jnp.log(no)


def _tiny(x: Array) -> float:
    return float(jnp.finfo(x.dtype).tiny)


def _residual(outputs: Array, target: Array) -> Array:
    return _aligned(outputs, target) - outputs


def _aligned(outputs: Array, target: Array) -> Array:
    """The target as `[b, c]` in the outputs' dtype; `[b]` never spreads to `[b, b]`."""
    if target.ndim == 1:
        target = target[:, None]
    _check_shapes(outputs, target)
    return target.astype(outputs.dtype)


def _check_shapes(outputs: Array, target: Array) -> None:
    if outputs.shape != target.shape:
        raise InvalidInput(
            "A loss needs a target for each output, but got outputs of shape "
            f"{outputs.shape} and a target of shape {target.shape}. Give the network "
            "as many outputs as the target has columns."
        )


def constant_loss(
    loss: AbstractLoss, target: Num[np.ndarray, "n *c"], outputs: int
) -> float:
    """The mean loss of the best prediction that is the same for every row."""
    from scipy.optimize import minimize

    y, shape = jnp.asarray(target), (len(target), outputs)

    @jax.jit
    def mean(constant: Float[Array, " c"]) -> Float[Array, ""]:
        return jnp.mean(loss(jnp.broadcast_to(constant, shape), y))

    def both(constant: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = jax.value_and_grad(mean)(jnp.asarray(constant, jnp.float32))
        return float(value), np.asarray(slope, float)

    starts = [np.zeros(outputs)]
    if loss.task == "regression":  # a loss with kinks is best at a quantile
        columns = np.asarray(target, float).reshape(len(target), -1)
        starts = [np.broadcast_to(f(columns, 0), outputs) for f in (np.mean, np.median)]
    start = min(starts, key=lambda s: both(s)[0])
    return float(minimize(both, start, jac=True, method="BFGS").fun)


LOSSES: Registry[type[AbstractLoss]] = Registry(
    "loss",
    {
        "mse": SquaredError,
        "mae": AbsoluteError,
        "huber": Huber,
        "pinball": Pinball,
        "cross_entropy": CrossEntropy,
        "binary_cross_entropy": BinaryCrossEntropy,
    },
)
