"""NSGA-II: a genetic algorithm for several objectives and constraints.

Deb et al. 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II",
https://doi.org/10.1109/4235.996017
The better of two parents: the one that is feasible, or less infeasible; of an earlier
non-dominated front; less crowded there (`surrogates.pareto.order`).
Departs from the paper: for few evaluations smaller populations, Gaussian mutations,
and a steady state (Durillo et al. 2009, https://doi.org/10.1007/978-3-642-01020-0_18);
one child of each pair.
"""

from thalweg.proposers.generations import AbstractGenetic


class NSGA2(AbstractGenetic):
    """For two or three objectives, constraints, and hundreds of trials or more.

    Numbers are crossed by SBX. As in the paper: `population=100`,
    `mutation="polynomial"`, `generational=True`.
    """

    population: int = 24
    selection: str = "tournament"
    crossover: str = "sbx"
    crossover_rate: float = 0.9
    mutation: str = "gaussian"
    mutation_rate: float | None = None
    elites: int | None = None
    generational: bool = False
