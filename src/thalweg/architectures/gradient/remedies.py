"""What is done against collapse, each remedy by itself."""

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from thalweg.architectures.gradient.darts import DARTS
from thalweg.architectures.gradient.method import AbstractMethod
from thalweg.architectures.gradient.single_path import SinglePath
from thalweg.core.errors import InvalidInput

USUAL_SKIPS = 1 / 3  # of the choices


@dataclass(frozen=True)
class Remedies:
    """Against collapse; all but `max_skips` are for methods that weigh candidates.

    None is for single paths, which learn no probabilities.

    **early_stopping**: by the curvature, see `early_stopping.py`. **perturbation**: of
    the supernet decides, see `perturbation.py`; takes up to half as long again as the
    search. **uniform**: only weights are trained, all candidates weighed alike, and
    `perturbation` decides (DARTS-PT, section 5.2: "fixed alphas").
    **auxiliary_skip**: beside each choice, fading (DARTS-). **skip_dropout**: the rate
    at first (P-DARTS). **max_skips**: in the answer (P-DARTS); below 1 it is a share of
    the choices, rounded up.
    """

    early_stopping: bool = False
    perturbation: bool = False
    uniform: bool = False
    auxiliary_skip: bool = False
    skip_dropout: float = 0.0
    max_skips: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.skip_dropout < 1:
            raise InvalidInput(
                f"`skip_dropout` lies in [0, 1), but got {self.skip_dropout}."
            )
        if self.uniform and not self.perturbation:
            raise InvalidInput(
                "With `uniform` alphas nothing is decided by them, but `perturbation` "
                "was not asked for. Ask for both."
            )
        if self.uniform and self.early_stopping:
            raise InvalidInput(
                "With `uniform` alphas nothing grows in them that `early_stopping` "
                "could see, but both were asked for. Leave one out."
            )
        most = self.max_skips
        if most is not None and not (most >= 0 and (most < 1 or most == int(most))):
            raise InvalidInput(
                "`max_skips` is a number of choices or a share of them below 1, but "
                f"got {most}."
            )

    def most_skips(self, choices: int) -> int:
        """In the answer, of so many choices."""
        if self.max_skips is None:
            return choices
        if self.max_skips < 1:
            return math.ceil(round(self.max_skips * choices, 6))
        return int(self.max_skips)

    def applied_to(self, method: AbstractMethod) -> AbstractMethod:
        """The method with the remedies that work while it runs."""
        if not (self.auxiliary_skip or self.skip_dropout):
            return method
        assert isinstance(method, DARTS)
        changed = {}
        if self.auxiliary_skip:
            changed["auxiliary_skip"] = 1.0
        if self.skip_dropout:
            changed["skip_dropout"] = self.skip_dropout
        return replace(method, **changed)


Wanted: TypeAlias = Remedies | Literal["usual", "none"]


def remedies_for(method: AbstractMethod, wanted: Wanted) -> Remedies:
    """The remedies, by name or as given.

    "usual" is what the literature found to help most, for methods that weigh.

    Raises InvalidInput for remedies that mean nothing to the method.
    """
    if wanted == "none" or (wanted == "usual" and not method.weighs):
        return Remedies()
    if wanted == "usual":
        return Remedies(perturbation=True, uniform=True, max_skips=USUAL_SKIPS)
    if not isinstance(wanted, Remedies):
        raise InvalidInput(
            f'`remedies` is "usual", "none" or `Remedies(...)`, but got {wanted!r}.'
        )
    if isinstance(method, SinglePath) and wanted != Remedies():
        raise InvalidInput(
            f"{type(method).__name__} learns no probabilities and judges whole paths, "
            f"so no remedy applies to it, but got {wanted}. Leave `remedies` out."
        )
    weighing = replace(wanted, max_skips=None) != Remedies()
    if weighing and not method.weighs:
        raise InvalidInput(
            f"{type(method).__name__} runs one candidate at a time: only `max_skips` "
            f"is a remedy for it, but got {wanted}."
        )
    return wanted
