"""The words that an architecture's choices are written in.

They stand in a tree of layers, or of a user's own modules and dataclasses, wherever the
thing chosen would stand. Hyper-parameters are the parameters of `thalweg.Space`
themselves: `Conv(tw.Choice([16, 32]), size=tw.Choice([3, 5]))`.

The names are those that users of NNI know: https://nni.readthedocs.io
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any, Literal, NoReturn

import equinox as eqx

from thalweg.core.errors import InvalidInput
from thalweg.networks.layers import AbstractLayer, Shape
from thalweg.spaces import AbstractParameter, Choice, Int


class AbstractChoice(AbstractLayer):
    """What is yet to be decided; it can be neither built nor called."""

    def build(self, shape: Shape, *, seed: Any) -> Any:
        """Raises InvalidInput: decide first."""
        self._refuse()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise InvalidInput(
            f"A network with choices is decided before it is built, but a "
            f"{type(self).__name__} is left. Use `architectures.fixed(tree, config)`."
        )


class LayerChoice(AbstractChoice):
    """One of several layers (or modules), by name.

    **candidates**: a mapping from names, or a sequence, whose names are "0", "1", ….
    **label**: the parameter's name; choices with one label are decided as one. Without
    a label it is the place in the tree.

    Raises InvalidInput if there is nothing to choose from.
    """

    candidates: dict[str, Any]
    label: str | None = eqx.field(static=True)

    def __init__(
        self, candidates: Mapping[str, Any] | Sequence[Any], label: str | None = None
    ):
        if not isinstance(candidates, Mapping):
            candidates = {str(i): one for i, one in enumerate(candidates)}
        if not candidates:
            raise InvalidInput("`LayerChoice` needs at least one layer, but got none.")
        for name in candidates:
            if not isinstance(name, str):
                raise InvalidInput(
                    f"`LayerChoice` names its layers by strings, but got {name!r}."
                )
        self.candidates = dict(candidates)
        self.label = label


class InputChoice(AbstractChoice):
    """One or several of a list of arrays of one shape, merged.

    Decided, it is a function of such a list. **chosen**: how many of `inputs` are
    taken; None: any number but none at all. **merge**: "sum" or "concatenate", along
    the last axis.

    Raises InvalidInput for numbers that can't be met.
    """

    inputs: int = eqx.field(static=True)
    chosen: int | None = eqx.field(static=True, default=1)
    merge: Literal["sum", "concatenate"] = eqx.field(static=True, default="sum")
    label: str | None = eqx.field(static=True, default=None)

    def __check_init__(self) -> None:
        if self.inputs < 1 or not (
            self.chosen is None or 1 <= self.chosen <= self.inputs
        ):
            raise InvalidInput(
                "`InputChoice` needs `chosen` of at least one and at most `inputs`, "
                f"but got inputs={self.inputs}, chosen={self.chosen}."
            )
        if self.merge not in ("sum", "concatenate"):
            raise InvalidInput(
                f'`merge` must be "sum" or "concatenate", but got {self.merge!r}.'
            )


class Repeat(AbstractChoice):
    """A block, several times in a row.

    **block**: a layer or module, whose choices are then the same in all copies; or a
    function of the copy's number that makes one, whose choices are each copy's own.
    **times**: `(least, most)`, or a parameter of whole numbers.

    Raises InvalidInput for `times` that are no such range.
    """

    block: Any
    times: AbstractParameter = eqx.field(static=True)
    label: str | None = eqx.field(static=True)

    def __init__(
        self,
        block: Any | Callable[[int], Any],
        times: tuple[int, int] | AbstractParameter,
        label: str | None = None,
    ):
        self.block = block
        self.times = Int(*times) if isinstance(times, tuple) else times
        self.label = label
        counts = self.counts
        if not counts or any(not isinstance(n, int) or n < 0 for n in counts):
            raise InvalidInput(
                "`Repeat` needs `times` of listed whole numbers >= 0, but got "
                f"{times!r}."
            )

    @property
    def counts(self) -> list[Any]:
        """How often the block may be there, in increasing order."""
        return sorted(values_of(self.times))

    def copies(self, number: int) -> list[Any]:
        """The first `number` copies."""
        return [self.block if self.tied else self.block(i) for i in range(number)]

    @property
    def tied(self) -> bool:
        """Whether all copies are one block."""
        return isinstance(self.block, eqx.Module) or not callable(self.block)


class Labelled(eqx.Module):
    """A hyper-parameter under a name of its own; see `label`."""

    parameter: AbstractParameter = eqx.field(static=True)
    label: str = eqx.field(static=True)


def label(name: str, parameter: AbstractParameter) -> Any:
    """A hyper-parameter that has this name in the space; equal names are one.

    Conv(label("width", tw.Choice([16, 32])), size=3)
    """
    if not isinstance(parameter, AbstractParameter):
        raise InvalidInput(
            "`label(name, parameter)` needs a parameter such as `tw.Choice([1, 2])`, "
            f"but got {parameter!r}."
        )
    return Labelled(parameter, name)


def values_of(parameter: AbstractParameter) -> list[Any]:
    """The values of a parameter that lists them; none if it doesn't."""
    if isinstance(parameter, Int):
        return list(range(parameter.low, parameter.high + 1))
    values = getattr(parameter, "values", None)
    return list(values) if values is not None else []


def subsets(choice: InputChoice) -> dict[str, tuple[int, ...]]:
    """What an `InputChoice` may take, by the parameter's values: "0", "0+2", …."""
    sizes = range(1, choice.inputs + 1) if choice.chosen is None else [choice.chosen]
    return {
        "+".join(map(str, taken)): taken
        for size in sizes
        for taken in combinations(range(choice.inputs), size)
    }


def parameter_of(choice: AbstractChoice) -> AbstractParameter:
    """The parameter that decides a choice."""
    if isinstance(choice, LayerChoice):
        return Choice(list(choice.candidates))
    if isinstance(choice, InputChoice):
        return Choice(list(subsets(choice)))
    assert isinstance(choice, Repeat)
    return choice.times
