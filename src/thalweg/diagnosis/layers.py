"""Rules about layers, from what was recorded of them at each judgement.

They compare layers with one another, or a layer with itself, and so hold whatever the
scale of the loss. Gradients and updates are judged for matrices alone: biases begin at
zero, and a category's embedding has a gradient only where its rows come up.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from thalweg.diagnosis.curves import last
from thalweg.diagnosis.finding import BROKEN, IMPAIRED, Finding
from thalweg.diagnosis.record import Layers, Record
from thalweg.diagnosis.remedies import lower_rate, percent, raise_rate, shown

VANISHED = 1e-3  # gradient per weight, over that of the layer where it is largest
EXPLODED = 100.0  # norm of the gradient over its median before …
RUINED = 2.0  # … where the loss afterwards is this many times the best before
DEAD = 0.5  # share of a layer's units; a tenth or a fifth is common and harmless
ALL = 0.9  # share of units, or of layers, that is as good as all
SATURATED = 0.5  # share of pre-activations in a flat part
LARGE = 0.3  # |update| / |weight| of one step: the layer is another after three
STAYED = 0.01  # … and summed over all steps: the layer ended as it began
UNLEARNED = 0.5  # share of the constant's loss above which staying is no virtue


def vanishing_gradients(record: Record) -> Iterator[Finding]:
    """A layer's gradient is a thousandth of another's: it hardly learns.

    Glorot & Bengio 2010, section 4.2.2, compare the back-propagated gradients of layers
    in the same way; each layer of logistic units divides them by four or more.
    https://proceedings.mlr.press/v9/glorot10a.html
    """
    layers = _layers(record)
    places = np.flatnonzero(_matrices(layers))
    early = layers.gradient[: (len(record.step) + 1) // 2, places]
    typical = np.median(early / np.sqrt(_sizes(layers)[places]), axis=0)
    if not len(places) or not np.isfinite(typical).all() or typical.max() <= 0:
        return
    largest = layers.parameters[places[np.argmax(typical)]]
    # a gradient of exactly zero is that of units that are dead, or of no use
    for place, share in zip(places, typical / typical.max(), strict=True):
        if 0 < share < VANISHED:
            yield Finding(
                "vanishing gradients",
                f"In the first half the gradient per weight was {shown(share)} of that "
                f"in {largest}.",
                'Use `activation="relu"` or "silu", `normalization="layer"`, fewer '
                "layers, or `networks.ResidualMLP`.",
                layer=layers.parameters[place],
                severity=IMPAIRED,
            )


def exploding_gradients(record: Record) -> Iterator[Finding]:
    """The gradient grew a hundredfold, and the loss was ruined.

    Pascanu et al. 2013, https://arxiv.org/abs/1211.5063, who clip its norm for it.
    """
    layers = _layers(record)
    total = np.linalg.norm(np.asarray(layers.gradient, float), axis=1)
    for at in range(1, len(total)):
        usual = float(np.median(total[:at]))
        after, before = record.train_loss[at:], np.min(record.train_loss[:at])
        ruined = not np.isfinite(after).all() or np.max(after) > RUINED * before
        grown = not total[at] <= EXPLODED * usual  # NaN counts
        if usual > 0 and grown and ruined:
            yield Finding(
                "exploding gradients",
                f"At step {record.step[at]:.0f} the norm of the gradient was "
                f"{shown(total[at])}, and {shown(usual)} before.",
                "Clip it: `optimizers.chain(optimizers.ClipByGlobalNorm("
                f"{shown(usual)}), optimizer)`. {lower_rate(record, 0.3)}.",
                layer=layers.parameters[int(np.argmax(layers.gradient[at]))],
                severity=BROKEN,
            )
            return


def dead_units(record: Record) -> Iterator[Finding]:
    """Units whose slope is zero on every row, which no gradient can revive.

    Lu et al. 2019, "Dying ReLU and initialization", https://arxiv.org/abs/1903.06733
    """
    layers = _layers(record)
    for name, dead in _each(layers.activations, layers.dead):
        share, first = last(dead), dead[0]
        if share < DEAD:
            continue
        since = f"{percent(first)} at the first judgement"
        yield Finding(
            "dead units",
            f"{percent(share)} of the units are inactive on each of {layers.rows} "
            f"training rows ({since}).",
            f'{lower_rate(record, 0.1)}, or use `activation="leaky_relu"` or '
            '`normalization="layer"`; first biases should be near zero.',
            layer=name,
            severity=BROKEN if share >= ALL else IMPAIRED,
        )


def saturated_units(record: Record) -> Iterator[Finding]:
    """Bounded units that are driven into their flat parts, where slopes vanish.

    Glorot & Bengio 2010, section 3, https://proceedings.mlr.press/v9/glorot10a.html
    """
    layers = _layers(record)
    for name, flat in _each(layers.activations, layers.saturated):
        share = float(np.median(flat))
        if share >= SATURATED:
            yield Finding(
                "saturated units",
                f"{percent(share)} of what the units are given lies in a flat part of "
                "their activation.",
                'Scale the inputs, begin with `init="glorot"`, add '
                '`normalization="layer"`, or use `activation="relu"`.',
                layer=name,
                severity=IMPAIRED,
            )


def updates_too_large(record: Record) -> Iterator[Finding]:
    """One step changes a third of a layer; a thousandth is usual.

    The ratio and its usual value are folklore, after A. Karpathy's course notes
    (https://cs231n.github.io/neural-networks-3/#ratio), so that only extremes count.
    """
    layers = _layers(record)
    typical = np.median(_ratio(layers), axis=0)
    found = np.flatnonzero(_matrices(layers) & (typical >= LARGE))
    for name, places in _together(layers, found):
        yield Finding(
            "updates too large",
            f"One step changes {_range(typical[places])} of the weights' norm; about "
            "0.001 is usual.",
            f"{lower_rate(record, 0.1)}.",
            layer=name,
            severity=IMPAIRED,
        )


def updates_too_small(record: Record) -> Iterator[Finding]:
    """All steps together changed less than a hundredth of a layer."""
    layers = _layers(record)
    learned = last(record.train_loss) < UNLEARNED * record.constant_loss
    if learned:  # who begins near the goal has no way to go
        return
    steps = np.diff(record.step, prepend=0.0)
    way = steps @ _ratio(layers)
    used = np.max(layers.gradient, axis=0) > 0
    found = np.flatnonzero(_matrices(layers) & used & (way < STAYED))
    for name, places in _together(layers, found):
        yield Finding(
            "updates too small",
            f"All {record.step[-1]:.0f} steps together changed at most "
            f"{_range(way[places])} of the weights' norm.",
            _raised(record, name),
            layer=name,
            severity=IMPAIRED,
        )


Rule = Callable[[Record], Iterator[Finding]]
LAYER_RULES: tuple[Rule, ...] = (
    exploding_gradients,
    dead_units,
    saturated_units,
    vanishing_gradients,
    updates_too_large,
    updates_too_small,
)


def _layers(record: Record) -> Layers:
    assert record.layers is not None
    return record.layers


def _matrices(layers: Layers) -> Bool[np.ndarray, " n"]:
    """Which parameters are kernels that rows are multiplied by."""
    inputs = {"encoder", "embedding"}
    return np.array(
        [
            len(shape) >= 2 and inputs.isdisjoint(name.split("/"))
            for name, shape in zip(layers.parameters, layers.shapes, strict=True)
        ],
        bool,
    )


def _sizes(layers: Layers) -> Float[np.ndarray, " n"]:
    return np.array([np.prod(shape) for shape in layers.shapes], float)


def _ratio(layers: Layers) -> Float[np.ndarray, "t n"]:
    """|update| / |weight|; 0 where there is no weight yet."""
    zero = np.zeros_like(layers.update)
    return np.divide(layers.update, layers.weight, out=zero, where=layers.weight > 0)


def _each(
    names: Sequence[str], values: Float[np.ndarray, "t a"]
) -> Iterator[tuple[str, Float[np.ndarray, " t"]]]:
    """Layers whose values are known at every judgement."""
    for name, column in zip(names, values.T, strict=True):
        if len(column) and np.isfinite(column).all():
            yield name, column


def _together(
    layers: Layers, found: Int[np.ndarray, " f"]
) -> Iterator[tuple[str | None, Int[np.ndarray, " f"]]]:
    """The layers that were found one by one, or as none if they are as good as all."""
    if len(found) and len(found) >= ALL * np.sum(_matrices(layers)):
        yield None, found
        return
    for place in found:
        yield layers.parameters[place], found[found == place]


def _range(values: Float[np.ndarray, " n"]) -> str:
    low, high = shown(np.min(values)), shown(np.max(values))
    return low if low == high else f"{low} to {high}"


def _raised(record: Record, name: str | None) -> str:
    if name is None:
        return raise_rate(record)
    group = f'{{"{name}": {{"learning_rate": 10}}}}'
    return f"Give it a larger rate: `optimizers.Groups(optimizer, {group})`."
