"""Augmentation of images on device: part of the training step, strengths are data.

    augment = Chain([Flip(0.5), ShiftCrop(2.0, most=4), Mixup(0.2)])
    x, share = augment(images, seed=word)        # [b, h, w, c], and shares of mixtures

An entry changes each image by itself (`Flip`, `ShiftCrop`, `Rotation`, `Cutout`,
`Colour`), or mixes it with another and so changes its target too (`Mixup`, `CutMix`).
"""

from thalweg.augmentation.base import (
    AbstractAugmentation,
    AbstractChange,
    AbstractMixing,
)
from thalweg.augmentation.chain import Chain, Mixture, partner
from thalweg.augmentation.colour import Colour
from thalweg.augmentation.cutmix import CutMix
from thalweg.augmentation.cutout import Cutout
from thalweg.augmentation.flip import Flip
from thalweg.augmentation.mixup import Mixup
from thalweg.augmentation.rotation import Rotation
from thalweg.augmentation.shift_crop import ShiftCrop
from thalweg.core.registry import Registry

AUGMENTATIONS: Registry[type[AbstractAugmentation]] = Registry(
    "augmentation",
    {
        "flip": Flip,
        "shift_crop": ShiftCrop,
        "rotation": Rotation,
        "cutout": Cutout,
        "colour": Colour,
        "mixup": Mixup,
        "cutmix": CutMix,
    },
)

__all__ = [
    "AUGMENTATIONS",
    "AbstractAugmentation",
    "AbstractChange",
    "AbstractMixing",
    "Chain",
    "Colour",
    "CutMix",
    "Cutout",
    "Flip",
    "Mixture",
    "Mixup",
    "Rotation",
    "ShiftCrop",
    "partner",
]
