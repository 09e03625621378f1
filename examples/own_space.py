"""`thalweg.search`: a space of your own, trained as one population.

Optimizer, schedule, activation, depth and all numbers are data of one compiled program;
only the width, which is a shape, needs a program per value. Hyperband trains many
recipes briefly and goes on with the best of them, from the weights that they have.
"""

import os

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import thalweg as tw

QUICK = bool(os.environ.get("THALWEG_QUICK"))  # tiny sizes, for tests
SPACE = tw.Space(
    {
        "width": tw.Ordinal([32] if QUICK else [32, 128]),
        "depth": tw.Int(1, 3),
        "activation": tw.Choice(["relu", "tanh", "silu"]),
        "optimizer": tw.Choice(["sgd", "momentum", "adam", "adamw"]),
        "schedule": tw.Choice(["constant", "cosine", "one_cycle"]),
        "learning_rate": tw.Float(1e-4, 1e-1, log=True),
        "momentum": tw.Float(0.5, 0.99).when("optimizer", ["momentum"]),
        "weight_decay": tw.Float(1e-5, 1e-1, log=True).when("optimizer", ["adamw"]),
        "dropout": tw.Float(0.0, 0.5),
    }
)


def main() -> None:
    X, y = load_digits(return_X_y=True)
    X, X_new, y, y_new = train_test_split(X / 16, y, random_state=0, stratify=y)
    problem = tw.Problem.of(X, y, metric="log_loss", validation=0.25, seed=0)
    result = tw.search(
        problem,
        SPACE,
        proposer="hyperband",
        time_limit=None if QUICK else 30,
        trials=27 if QUICK else None,  # Hyperband's first bracket
        epochs=2 if QUICK else 30,
    )
    columns = ["trial", "score", "error", "budget", "depth", "activation", "optimizer"]
    columns += ["schedule", "learning_rate"]
    print(result.to_dataframe()[columns].head(8).to_string(index=False))
    score = result.best.score
    found = result.model().evaluate(X_new, y_new)
    print(f"\n{len(result.trials)} trials with a score. The best one's log loss is")
    print(f"{score.value:.4f} ± {score.error:.4f} on the validation part,")
    print(f"{found['log_loss']:.4f} on rows that nobody saw")


if __name__ == "__main__":
    main()
