"""The joint space of convolutional networks, recipes and augmentation for images.

What is a shape (family, width, blocks, head) costs a program and has few values; the
recipe and the strengths of all augmentations are data. The ranges are those within
which such networks are usually trained for some tens of epochs at most: one cycle of
the learning rate (Smith & Topin 2018, https://arxiv.org/abs/1708.07120), AdamW or
Nesterov's momentum, light augmentation.
"""

from collections.abc import Sequence

from thalweg.core.typing import Config
from thalweg.spaces.listed import Choice, Constant, Ordinal
from thalweg.spaces.parameter import AbstractParameter
from thalweg.spaces.presets.starts import fitted
from thalweg.spaces.presets.tabular import listed
from thalweg.spaces.real import Float
from thalweg.spaces.space import Space


def images(
    *,
    task: str,
    side: int,
    colour: bool,
    networks: Sequence[str] = ("plain", "residual"),
    widths: Sequence[int] = (16, 24),
    blocks: Sequence[int] = (1, 2),
) -> Space:
    """The space for images whose shorter side has `side` pixels.

    Single values are constants, no dimension of the search.
    """
    parameters: dict[str, AbstractParameter] = {
        "network": listed(Choice, networks),
        "width": listed(Ordinal, widths),
        "blocks": listed(Ordinal, blocks),
        "head": Constant("flatten"),
        "activation": Choice(["relu", "silu"]),
        "optimizer": Choice(["adamw", "nesterov"]),
        "schedule": Choice(["one_cycle", "cosine"]),
        "learning_rate": Float(1e-3, 3e-2, log=True),
        "weight_decay": Float(1e-4, 3e-1, log=True),
        "dropout": Float(0.0, 0.5),
        "shift": Float(0.0, max(1.0, side / 8)),
        "rotation": Float(0.0, 20.0),
        "flip": Ordinal([0.0, 0.5]),
        "cutout": Float(0.0, 0.5),
    }
    if colour:
        parameters["colour"] = Float(0.0, 0.5)
    if task == "classification":
        parameters["label_smoothing"] = Float(0.0, 0.15)
        parameters["mixup"] = Float(0.0, 0.6)
        parameters["cutmix"] = Float(0.0, 0.5)
    return Space(parameters)


def image_portfolio(
    space: Space, *, task: str, side: int, colour: bool
) -> list[Config]:
    """Configurations that do well on many images, the safest first.

    The first two are one program, so that both of two cores are busy at once. Flips
    are for colour images of classes only: the mirror of a digit is another one, and so
    is that of an angle or a position.
    """
    common: Config = {
        "network": "plain",
        "width": 16,
        "blocks": 2,
        "head": "flatten",
        "activation": "relu",
        "optimizer": "adamw",
        "schedule": "one_cycle",
        "learning_rate": 6e-3,
        "weight_decay": 5e-2,
        "dropout": 0.2,
        "shift": side / 14,
        "rotation": 0.0,
        "flip": 0.5 if colour and task == "classification" else 0.0,
        "cutout": 0.0,
        "colour": 0.1,
        "label_smoothing": 0.0,
        "mixup": 0.0,
        "cutmix": 0.0,
    }
    starts: list[Config] = [
        {},
        {"rotation": 8.0, "learning_rate": 8e-3},
        {"network": "residual"},
        {"activation": "silu", "learning_rate": 4e-3, "dropout": 0.3},
        {"cutout": 0.2},
        {"network": "residual", "width": 24, "mixup": 0.2, "dropout": 0.1},
    ]
    return fitted(space, [{**common, **start} for start in starts])
