import pytest

from thalweg.networks.convnet import ConvNets
from thalweg.spaces.presets import image_portfolio, images
from thalweg.training.assembly import Assembler


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("side", [1, 8, 28, 64])
def test_starts_lie_in_the_space_and_make_recipes(task, colour, side):
    space = images(task=task, side=side, colour=colour)
    starts = image_portfolio(space, task=task, side=side, colour=colour)
    loss = "cross_entropy" if task == "classification" else "mse"
    make = Assembler(
        space,
        loss=loss,
        batch_size=8,
        steps_per_epoch=10,
        epochs=3,
        network=ConvNets(),
    )
    for start in starts:
        assert space.decode(space.encode([start]))[0] == pytest.approx(start)
        made = make(start).assemble()
        assert made.augment is not None
        assert len(made.augment.mixings) == (2 if task == "classification" else 0)
    flip = 0.5 if colour and task == "classification" else 0.0
    assert {start["flip"] for start in starts} == {flip}
    # the first two share a program: two cores are busy at once
    shapes = ("network", "width", "blocks", "head")
    assert [starts[0][k] for k in shapes] == [starts[1][k] for k in shapes]
