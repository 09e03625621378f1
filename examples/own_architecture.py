"""`LayerChoice`, `Repeat`: a network with choices in it, searched with its training.

Which operation, how many blocks, whether to normalise: all of it is data of one
compiled program, as optimizer, schedule and all numbers are. Only the width is a shape,
with a program per value. Of the trials, those are told that no other one beats in both
loss and size.
"""

import os

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import thalweg as tw
from thalweg.architectures import LayerChoice, Repeat, label
from thalweg.networks.layers import (
    Activate,
    BatchNorm,
    Conv,
    Identity,
    MaxPool,
    Residual,
    Sequential,
)

QUICK = bool(os.environ.get("THALWEG_QUICK"))  # tiny sizes, for tests
WIDTH = label("width", tw.Ordinal([4] if QUICK else [8, 16]))
BLOCK = [
    LayerChoice({"none": Identity(), "batch": BatchNorm()}, label="normalization"),
    Activate("relu"),
    Conv(WIDTH, size=3),
]
NETWORK = Sequential(
    [
        Conv(WIDTH, size=3),
        Repeat(Residual(Sequential(BLOCK)), (0, 2), label="blocks"),
        LayerChoice(
            {"pool": MaxPool(2), "conv": Conv(WIDTH, size=3, stride=2)}, label="down"
        ),
        Repeat(Residual(Sequential(BLOCK)), (0, 2), label="more_blocks"),
        Activate("relu"),
    ]
)
RECIPE = tw.Space(
    {
        "optimizer": tw.Choice(["momentum", "adam"]),
        "schedule": tw.Choice(["cosine", "one_cycle"]),
        "learning_rate": tw.Float(1e-3, 1e-1, log=True),
    }
)


def main() -> None:
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8)
    X, X_new, y, y_new = train_test_split(X, y, random_state=0, stratify=y)
    problem = tw.Problem.of(X, y, metric="log_loss", validation=0.25, seed=0)
    result = tw.search(
        problem,
        RECIPE,
        network=NETWORK,
        objectives=["loss", "parameters"],
        proposer="nsga2",
        time_limit=None if QUICK else 60,
        trials=4 if QUICK else None,
        epochs=1 if QUICK else 15,
    )
    tally = result.search.engine.tally
    print(f"{len(result.trials)} networks, {tally.programs} compiled programs")
    print("No other trial is both better and smaller:\n")
    columns = ["score", "parameters", "width", "blocks", "more_blocks", "down"]
    front = {trial.number for trial in result.front}
    table = result.to_dataframe()
    print(table[table["trial"].isin(front)][columns].to_string(index=False))
    accuracy = (result.model().predict(X_new) == y_new).mean()
    print(f"\nThe best one is right about {accuracy:.1%} of rows that nobody saw")


if __name__ == "__main__":
    main()
