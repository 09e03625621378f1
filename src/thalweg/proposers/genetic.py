"""A genetic algorithm: the better ones mate, children mutate, the best live on.

Holland 1975, "Adaptation in Natural and Artificial Systems"; steady state (a child
enters the population as soon as it is known): Whitley 1989, "The GENITOR Algorithm and
Selection Pressure", ICGA.
Departs from both: parents and children of numbers, choices and conditional dimensions;
a child that was tried before is mutated further.
"""

from thalweg.proposers.generations import AbstractGenetic


class Genetic(AbstractGenetic):
    """For many trials and workers, where good parts of configurations add up.

    By default every child competes with all parents as soon as it is told. With
    `generational=True` parents change when `population` children are told, and only
    `elites` of the old ones may stay.
    """

    population: int = 10
    selection: str = "truncation"
    crossover: str = "uniform"
    crossover_rate: float = 0.5
    mutation: str = "scales"
    mutation_rate: float | None = None
    elites: int | None = None
    generational: bool = False
