"""Rules about a search: how its trials ended, and when the best of them was found."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from thalweg.diagnosis.finding import IMPAIRED, IMPROVABLE, Finding
from thalweg.diagnosis.record import Trials
from thalweg.diagnosis.remedies import percent, shown

WASTED = 0.1  # share of trials that diverged; a search has to find the edge
FEW = 10  # trials without which shares mean little
CHANCE = 1e-3  # probability, over all settings tried, that a setting is named by luck
LATE = 0.2  # of the trials, the last ones …
FARTHER = 2.0  # … that improved on the rest by so many standard errors
# What to do about the leader is to do something about the search.
IN_A_SEARCH = {
    "over-fitting": "Let the space reach more `dropout` and `weight_decay` and smaller "
    "`width`, or find more rows.",
    "under-fitting": "Let the space reach larger `width`, less `dropout` and less "
    "`weight_decay`; if nothing helps, the inputs may not tell the target.",
    "plateau": "Let the space reach higher `learning_rate`.",
    "oscillation": "Let the space reach lower `learning_rate`, and falling schedules.",
    "ended early": "Give it more time: a longer `time_limit`, more `epochs`.",
}


def of_leader(found: Finding) -> Finding:
    """What was found in the leading trial, as a search says it."""
    evidence = f"In the leading trial: {found.evidence[:1].lower()}{found.evidence[1:]}"
    remedy = IN_A_SEARCH.get(found.name, found.remedy)
    return replace(found, evidence=evidence, remedy=remedy)


class Sharing(NamedTuple):
    """A setting that diverged trials share."""

    said: str  # "learning_rate above 0.07"
    inside: int  # diverged trials that have it
    all: int  # trials that have it
    chance: float  # probability of as many by luck


def many_diverged(record: Trials) -> Iterator[Finding]:
    """A good part of the time went into trainings that diverged."""
    diverged = np.array([status == "diverged" for status in record.status], bool)
    if len(diverged) < FEW or diverged.mean() < WASTED:
        return
    evidence = (
        f"{diverged.sum()} of {len(diverged)} trials ({percent(diverged.mean())}) "
        "diverged"
    )
    remedy = (
        'Narrow the space: a smaller highest `learning_rate`, or `"clip_norm"` as a '
        "parameter of it."
    )
    found = shared(record.config, diverged)
    if found is not None:
        others = int(diverged.sum()) - found.inside
        evidence += f": {found.inside} of the {found.all} with {found.said}"
        evidence += f", and {others} of the rest" if others else ""
        remedy = f"Narrow the space: leave out {found.said}."
    yield Finding("many diverged", f"{evidence}.", remedy, severity=IMPAIRED)


def still_improving(record: Trials) -> Iterator[Finding]:
    """The last fifth of the trials improved on the rest by more than chance."""
    scored = np.isfinite(record.loss)
    loss, error = record.loss[scored], record.error[scored]
    first = len(loss) - int(LATE * len(loss))
    if len(loss) < FEW or not 0 < first < len(loss):
        return
    before, best = float(np.min(loss[:first])), int(np.argmin(loss))
    if best < first or not before - loss[best] > FARTHER * error[best]:
        return
    yield Finding(
        "search ended early",
        f"The best of {len(loss)} trials is number {best + 1} in their order, with "
        f"{shown(loss[best])} after {shown(before)}.",
        "Give the search more time: a longer `time_limit`, or more `trials`.",
        severity=IMPROVABLE,
    )


Rule = Callable[[Trials], Iterator[Finding]]
TRIAL_RULES: tuple[Rule, ...] = (many_diverged, still_improving)


def shared(
    configs: Sequence[Mapping[str, Any]], bad: Bool[np.ndarray, " n"]
) -> Sharing | None:
    """The setting that sets bad trials apart best, if it is not likely to be luck.

    A number's settings are "above" and "below" each of its values, a name's are the
    names; Fisher's exact test, times the number of settings tried (Bonferroni).
    """
    from scipy.stats import hypergeom

    found: list[Sharing] = []
    for said, has in _settings(configs):
        inside, total = int(np.sum(bad & has)), int(np.sum(has))
        if 0 < total < len(bad):
            chance = hypergeom.sf(inside - 1, len(bad), int(bad.sum()), total)
            found.append(Sharing(said, inside, total, float(chance)))
    best = min(found, key=lambda sharing: sharing.chance, default=None)
    if best is None or best.chance * len(found) > CHANCE:
        return None
    return best


def _settings(
    configs: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[str, Bool[np.ndarray, " n"]]]:
    """Every setting that could be shared, and which trials have it."""
    for key in dict.fromkeys(key for config in configs for key in config):
        values = [config.get(key) for config in configs]
        if any(isinstance(value, str | bool) for value in values):
            for value in dict.fromkeys(values):
                if value is not None:
                    yield f"{key} {value}", np.array([v == value for v in values])
            continue
        numbers = _numbers(values)
        for edge in np.unique(numbers[np.isfinite(numbers)])[1:]:
            yield f"{key} of {shown(edge)} or more", numbers >= edge
            yield f"{key} below {shown(edge)}", numbers < edge


def _numbers(values: Sequence[Any]) -> Float[np.ndarray, " n"]:
    return np.array(
        [v if isinstance(v, int | float | np.number) else np.nan for v in values], float
    )
