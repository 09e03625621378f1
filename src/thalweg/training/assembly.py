"""From a configuration to a candidate, inside the compiled program.

A configuration is a few names and numbers. What a program is compiled for (`Assembly`,
static) is kept apart from what is data (`values`, scalars), and the network, optimizer,
schedule and loss are made of both *within* the program: ten thousand configurations
cost a dictionary each.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from thalweg import activations, networks, optimizers, schedules
from thalweg.augmentation import (
    AbstractAugmentation,
    Chain,
    Colour,
    CutMix,
    Cutout,
    Flip,
    Mixup,
    Rotation,
    ShiftCrop,
)
from thalweg.core.errors import unknown_name
from thalweg.core.typing import Config
from thalweg.losses import LOSSES
from thalweg.spaces import Choice, Constant, Ordinal, Space
from thalweg.spaces import Int as IntParameter
from thalweg.training.candidate import Candidate, Stop

# Keys of a configuration that choose one of several names, the choice being data.
NAMED = ("optimizer", "schedule", "activation", "normalization")
# Keys that are shapes: a program of their own.
SHAPES = (
    "network",
    "width",
    "numeric_embedding",
    "embedding_size",
    "members",
    "batch_size",
)
# Keys that are numbers, and what they are where a configuration doesn't say.
NUMBERS: Mapping[str, float] = {
    "learning_rate": 1e-3,
    "weight_decay": 0.0,
    "l1": 0.0,
    "l2": 0.0,
    "momentum": 0.9,
    "b1": 0.9,
    "b2": 0.999,
    "dropout": 0.0,
    "label_smoothing": 0.0,
    "clip_norm": np.inf,
    "embedding_rate": 1.0,
    "sigma": 0.1,
    "depth": 2,
}
# Keys that are strengths of an augmentation, 0 for none.
AUGMENTED = ("shift", "rotation", "flip", "colour", "cutout", "mixup", "cutmix")
# Keys that say what `networks` of this package are like.
NETWORKS_OWN = frozenset(SHAPES) - {"batch_size"} | frozenset(
    ("activation", "normalization", "dropout", "embedding_rate", "sigma", "depth")
)
# The embedding of numbers that a network was published with: "natural".
NATURAL: Mapping[str, str] = {"mlp": "pbld", "tabm": "ple", "resmlp": "ple"}
DEFAULT_NAMES: Mapping[str, str] = {
    "optimizer": "adamw",
    "schedule": "constant",
    "activation": "relu",
    "normalization": "none",
}


@dataclass(frozen=True)
class Assembly:
    """What a program is compiled for: shapes, and the names it can choose among."""

    loss: str
    batch_size: int
    network: str = "mlp"
    width: int = 64
    depth: int = 2  # the most layers that a configuration may ask for
    members: int = 16  # of an ensemble in one network
    numeric_embedding: str = "identity"
    embedding_size: int = 8
    rooms: tuple[tuple[str, float], ...] = ()  # the most of each of AUGMENTED
    names: tuple[tuple[str, tuple[str, ...]], ...] = ()
    numbers: frozenset[str] = frozenset()  # those that configurations give
    class_weight: bool = False

    def choices(self, key: str) -> tuple[str, ...]:
        """The names that `key` may have in this program."""
        return dict(self.names).get(key, (DEFAULT_NAMES[key],))


class Recipe(eqx.Module):
    """A configuration, ready for its program: one scalar per leaf."""

    values: dict[str, Any]  # numbers, and an index for each of NAMED
    stop: Stop
    horizon: Int[Any, "*p"]  # steps that schedules are made for
    class_weight: Any | None
    assembly: Assembly = eqx.field(static=True)
    network: Any = None  # its description, where the assembly's is not meant

    def assemble(self) -> Candidate:
        """The candidate that the configuration describes. Traceable."""
        loss: dict[str, Any] = {}
        if self.assembly.loss == "cross_entropy":
            loss["label_smoothing"] = self._number("label_smoothing")
        if self.class_weight is not None:
            loss["class_weight"] = self.class_weight
        return Candidate(
            network=self._network() if self.network is None else self.network,
            optimizer=self._optimizer(),
            loss=LOSSES[self.assembly.loss](**loss),
            stop=self.stop,
            l1=self.values.get("l1"),
            l2=self.values.get("l2"),
            augment=self._augment(),
            batch_size=self.assembly.batch_size,
        )

    def _number(self, key: str) -> Any:
        return self.values.get(key, NUMBERS[key])

    def _augment(self) -> Chain | None:
        """Changes of position, then of colour, then what hides or mixes."""
        rooms, values = dict(self.assembly.rooms), self.values
        made: dict[str, Callable[[Any], AbstractAugmentation]] = {
            "shift": lambda v: ShiftCrop(v, math.ceil(rooms["shift"])),
            "rotation": lambda v: Rotation(v, rooms["rotation"]),
            "flip": Flip,
            "colour": lambda v: Colour(v, v, v),
            "cutout": Cutout,
            "mixup": Mixup,
            "cutmix": lambda v: CutMix(jnp.float32(1), v),
        }
        found = [made[key](values[key]) for key in AUGMENTED if key in rooms]
        return Chain(found) if found else None

    def _network(self) -> networks.AbstractDescription:
        plan = self.assembly
        which = plan.choices("activation")
        activation: Any = which[0]
        if len(which) > 1:
            activation = activations.choose(which, self.values["activation"])
        common: dict[str, Any] = {
            "activation": activation,
            "normalization": self._normalization(),
            "dropout": self._number("dropout") if "dropout" in plan.numbers else None,
            "numeric_embedding": self._embedding(),
            "depth": self._number("depth") if "depth" in plan.numbers else None,
        }
        hidden = (plan.width,) * plan.depth
        if plan.network == "resmlp":
            if "normalization" not in dict(plan.names):
                common["normalization"] = "layer"
            return networks.ResidualMLP(width=plan.width, blocks=plan.depth, **common)
        if plan.network == "tabm":
            return networks.TabM(members=plan.members, hidden=hidden, **common)
        return networks.MLP(hidden=hidden, scaling_layer=True, **common)

    def _normalization(self) -> Any:
        names = self.assembly.choices("normalization")
        if len(names) == 1:
            return names[0]
        return networks.choose_normalization(names, self.values["normalization"])

    def _embedding(self) -> Any:
        plan = self.assembly
        name = plan.numeric_embedding
        if name == "natural":
            name = NATURAL[plan.network]
        kind: Any = networks.EMBEDDINGS[name]
        if name == "identity":
            return kind()
        if name == "ple":
            return kind(size=plan.embedding_size, activation="relu")
        return kind(size=plan.embedding_size, sigma=self._number("sigma"))

    def _optimizer(self) -> optimizers.AbstractOptimizer[Any]:
        rate = self._schedule()
        names = self.assembly.choices("optimizer")
        each = [self._one_optimizer(name, rate) for name in names]
        chosen = each[0]
        if len(each) > 1:
            chosen = optimizers.OneOf(each, self.values["optimizer"])
        chosen = optimizers.decay_only(chosen)
        if "clip_norm" in self.assembly.numbers:
            clip = optimizers.ClipByGlobalNorm(self._number("clip_norm"))
            chosen = optimizers.chain(clip, chosen)
        return chosen

    def _one_optimizer(self, name: str, rate: Any) -> optimizers.AbstractOptimizer[Any]:
        kind = optimizers.OPTIMIZERS[name]
        settings = {"learning_rate": rate}
        fields = kind.__dataclass_fields__
        for key in ("momentum", "b1", "b2", "weight_decay"):
            if key in fields and key in self.assembly.numbers:
                settings[key] = self._number(key)
        return kind(**settings)

    def _schedule(self) -> Any:
        peak, names = self._number("learning_rate"), self.assembly.choices("schedule")
        steps = jnp.asarray(self.horizon, jnp.result_type(float))
        kinds: list[Any] = [schedules.SCHEDULES[name] for name in names]
        each = [kind(peak, steps=steps) for kind in kinds]
        if len(each) == 1:
            return each[0]
        return schedules.OneOf(each, self.values["schedule"])


class NetworkOfConfig(Protocol):
    """Makes descriptions of networks from the parameters that are theirs."""

    @property
    def parameters(self) -> Collection[str]:
        """Names of what is the network's."""
        ...

    def __call__(self, config: Mapping[str, Any], /) -> Any:
        """The description; equal in shapes where a program is to be shared."""


class Assembler:
    """Turns the configurations of one space into recipes that share their programs.

    Keys that a space does not have take the values of `DEFAULT_NAMES` and `NUMBERS`.
    **network**: makes the network of its own part of a configuration; the rest is then
    the recipe alone.

    Raises UnknownName for a parameter that means nothing to a network or its recipe.
    """

    def __init__(
        self,
        space: Space,
        *,
        loss: str,
        batch_size: int,
        steps_per_epoch: float,
        epochs: float,
        round_steps: int = 1,
        patience: float = np.inf,
        ratio: float = 0.0,
        class_weight: np.ndarray | None = None,
        network: NetworkOfConfig | None = None,
    ):
        self._network = network
        self._own = frozenset() if network is None else frozenset(network.parameters)
        recipe = [key for key in space.parameters if key not in self._own]
        known = [*NAMED, *SHAPES, *NUMBERS, *AUGMENTED, "epochs"]
        if network is not None:
            known = [key for key in known if key not in NETWORKS_OWN]
        for key in recipe:
            if key not in known:
                raise unknown_name("hyper-parameter", key, known)
        self._space, self._loss, self._batch_size = space, loss, batch_size
        self._steps_per_epoch, self._epochs = steps_per_epoch, epochs
        self._round = round_steps
        self._patience, self._ratio = np.float32(patience), np.float32(ratio)
        self._class_weight = class_weight
        self._choices = {
            key: _values(space.parameters[key]) for key in NAMED if key in recipe
        }
        self._numbers = frozenset(recipe) & frozenset(NUMBERS)
        self._rooms = tuple(
            (key, float(max(_values(space.parameters[key]))))
            for key in AUGMENTED
            if key in recipe
        )
        depth = space.parameters["depth"] if "depth" in recipe else None
        self._depth = int(NUMBERS["depth"] if depth is None else max(_values(depth)))

    def __call__(self, config: Config, *, budget: float = 1.0) -> Recipe:
        """The recipe of `config`, trained for `budget` of its full length."""
        own = {key: config[key] for key in config if key in self._own}
        config = {key: config[key] for key in config if key not in self._own}
        shapes = {key: config[key] for key in SHAPES if key in config}
        plan = Assembly(
            loss=self._loss,
            depth=self._depth,
            names=tuple((key, tuple(v)) for key, v in self._choices.items()),
            numbers=self._numbers,
            rooms=self._rooms,
            **{"batch_size": self._batch_size, **shapes},
        )
        values: dict[str, Any] = {
            key: np.int32(
                plan.choices(key).index(config.get(key, plan.choices(key)[0]))
            )
            for key in NAMED
        }
        for key in self._numbers:
            kind = np.int32 if key == "depth" else np.float32
            values[key] = kind(config.get(key, NUMBERS[key]))
        for key, _ in self._rooms:
            values[key] = np.float32(config.get(key, 0.0))
        horizon = max(
            1, round(config.get("epochs", self._epochs) * self._steps_per_epoch)
        )
        # whole rounds, so that a budget ends where a longer one is judged too
        steps = self._round * max(1, round(horizon * budget / self._round))
        return Recipe(
            values=values,
            stop=Stop(np.int32(steps), patience=self._patience, ratio=self._ratio),
            horizon=np.int32(horizon),
            class_weight=self._class_weight,
            assembly=plan,
            network=None if self._network is None else self._network(own),
        )


def _values(parameter: Any) -> list[Any]:
    """The values that a parameter may have, where it lists them."""
    if isinstance(parameter, Choice | Ordinal):
        return list(parameter.values)
    if isinstance(parameter, Constant):
        return [parameter.value]
    if isinstance(parameter, IntParameter):
        return list(range(parameter.low, parameter.high + 1))
    return [parameter.low, parameter.high]
