"""Configurations and numbers in words."""

import math

import numpy as np
import pytest

from thalweg.report import headline, in_words
from thalweg.report import text as say

CONFIG = {
    "network": "resmlp",
    "depth": 3,
    "width": 128,
    "activation": "silu",
    "normalization": "layer",
    "dropout": 0.1,
    "numeric_embedding": "piecewise_linear",
    "optimizer": "adamw",
    "learning_rate": 0.00123456,
    "schedule": "warmup_cosine",
    "weight_decay": 0.01,
    "l1": 0.0,
    "l2": float("nan"),
    "label_smoothing": 0.05,
    "clip_norm": 1.0,
    "batch_size": 256,
    "init": "he",
    "b2": 0.95,
    "scaling_layer": True,
}


def test_a_whole_configuration():
    assert in_words(CONFIG) == {
        "architecture": "a residual MLP of 3 blocks, 128 units wide, with SiLU "
        "activation, layer normalization and He initialization; numbers enter through "
        "piecewise-linear embeddings",
        "optimizer": "AdamW at a learning rate of 0.00123, in batches of 256",
        "schedule": "the learning rate warms up, then falls along a cosine",
        "regularization": "10\xa0% dropout, weight decay 0.01, label smoothing 0.05 "
        "and gradients clipped to a norm of 1",
        "other": "b2=0.95, scaling_layer=yes",
    }
    assert headline(CONFIG) == "residual MLP 3 × 128, SiLU, AdamW 0.0012"


@pytest.mark.parametrize(
    ("config", "part", "says"),
    [
        ({}, "architecture", ""),
        ({}, "regularization", ""),
        ({"dropout": 0.0, "l2": 0}, "regularization", "none"),
        ({"network": "mlp"}, "architecture", "an MLP"),
        ({"network": "mlp", "depth": 1}, "architecture", "an MLP of 1 hidden layer"),
        (
            {"network": "mlp", "hidden": (64, 32)},
            "architecture",
            "an MLP with hidden layers of 64 × 32 units",
        ),
        ({"network": "conv_net"}, "architecture", "a conv net"),
        (
            {"network": "tabm", "depth": 2, "numeric_embedding": "none"},
            "architecture",
            "a TabM ensemble of 2 layers; numbers enter as they are",
        ),
        ({"optimizer": "sophia"}, "optimizer", "sophia"),
        (
            {"schedule": "sawtooth"},
            "schedule",
            "the learning rate follows the schedule sawtooth",
        ),
        ({"x": 1, "y": "z"}, "other", "x=1, y=z"),
        ({"x": None, "y": float("nan")}, "other", ""),
        ({"weight_decay": np.float32(0.5)}, "regularization", "weight decay 0.5"),
        ({"learning_rate": 0.1}, "other", "learning_rate=0.1"),
    ],
)
def test_parts(config, part, says):
    before = dict(config)
    assert in_words(config)[part] == says
    assert config == before or part == "other"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.123456, "0.1235"),
        (123456.0, "123456"),
        (1234567.0, "1234567"),
        (12345678.0, "1.23e7"),
        (0.00001234, "1.23e−5"),
        (1e-5, "1e−5"),
        (-0.5, "−0.5"),
        (0.0, "0"),
        (100.0, "100"),
        (1234567, "1\u202f234\u202f567"),
        (np.int64(12), "12"),
        (np.float32(0.1), "0.1"),
        (True, "yes"),
        ("adam", "adam"),
        ((64, 32), "64 × 32"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)
def test_numbers(value, shown):
    assert say.number(value) == shown


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (0.91234, 0.0041, "0.9123 ± 0.0041"),
        (0.91234, 0.041, "0.912 ± 0.041"),
        (1234.56, 12.3, "1235 ± 12"),
        (1234.56, 1234.0, "1235 ± 1234"),
        (0.5, math.nan, "0.5"),
        (0.5, 0.0, "0.5"),
        (0.5, math.inf, "0.5"),
        (math.nan, 0.1, "–"),
        (1e-9, 2e-10, "1e−9 ± 2e−10"),
        (-0.25, 0.011, "−0.250 ± 0.011"),
    ],
)
def test_errors_give_the_digits(value, error, shown):
    assert say.with_error(value, error).replace("\xa0", " ") == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.44, "0.4 s"),
        (12.4, "12 s"),
        (59.9, "1 min"),
        (185, "3 min 5 s"),
        (8040, "2 h 14 min"),
    ],
)
def test_durations(value, shown):
    assert say.seconds(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0, "0 %"), (0.0004, "< 0.1 %"), (0.023, "2.3 %"), (0.25, "25 %"), (1, "100 %")],
)
def test_shares(share, shown):
    assert say.percent(share).replace("\xa0", " ") == shown
