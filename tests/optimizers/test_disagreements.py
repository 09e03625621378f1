"""Where libraries disagree, ours takes the side that it says it takes."""

import numpy as np
import pytest

from thalweg.testing.disagreements import of_topic, topics

# Means, powers and norms that a library computes in single precision.
SINGLE = {("keras", "Muon"), ("optax", "Adafactor"), ("keras", "Joined")}


@pytest.mark.parametrize("topic", topics(check=False), ids=lambda topic: topic.name)
def test_sides_are_ours(topic):
    sides = of_topic(topic.name).sides
    assert sides[0].gap == 0
    for side in sides:
        kind = side.ours.partition("(")[0]
        if side.ours:
            assert side.error <= (1e-6 if (side.oracle, kind) in SINGLE else 1e-12)
        else:
            assert np.isnan(side.error)


def test_each_topic_is_a_disagreement():
    assert all(max(s.gap for s in topic.sides) > 1e-9 for topic in topics(check=False))
