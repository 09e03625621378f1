"""Every rule over what was recorded."""

from typing import Any, Protocol

from thalweg.core.errors import InvalidInput
from thalweg.diagnosis.curves import CURVE_RULES, FEW, divergence
from thalweg.diagnosis.finding import Diagnosis, Finding
from thalweg.diagnosis.layers import LAYER_RULES
from thalweg.diagnosis.record import Record, Trials
from thalweg.diagnosis.trials import TRIAL_RULES, of_leader

# Where gradients do not arrive, the loss stands still and layers stay as they are.
CAUSES = {"vanishing gradients", "dead units"}
OF_ALL, OF_A_LAYER = {"plateau", "under-fitting"}, {"updates too small"}


class Recorded(Protocol):
    """A history, a trial, the result of a search."""

    def recorded(self) -> Record | Trials:
        """What `diagnose` reads."""
        ...


def diagnose(training: Recorded | Record | Trials) -> Diagnosis:
    """Name what is wrong with a training, how it shows, and what to change.

    **training**: the history of `tw.train`, a trial of a search, or the result of one,
    of which the trials and the leader are looked at. Rules about layers need a history
    with `record_layers=True`; the rest read the losses, and need at least five
    judgements of them.

    An empty diagnosis means that no rule found anything, not that nothing could be
    better.
    """
    record: Any = training
    if hasattr(training, "recorded"):
        record = training.recorded()  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(record, Trials):
        return _of_trials(record)
    if isinstance(record, Record):
        return _of_one(record)
    raise InvalidInput(
        "`diagnose` reads the history of a training, a trial or the result of a "
        f"search, but got {type(training).__name__}. Give what `tw.train` returned "
        "second."
    )


def _of_one(record: Record) -> Diagnosis:
    notes = []
    findings = list(divergence(record))
    if len(record.step) < FEW:
        notes.append(
            f"There are only {len(record.step)} judgements, and rules about losses "
            f"need {FEW}: give more `epochs`, or a smaller `judge_every`."
        )
    elif not findings:  # no other curve means anything beside that
        findings += [found for rule in CURVE_RULES for found in rule(record)]
    if record.layers is not None:
        findings += [found for rule in LAYER_RULES for found in rule(record)]
    elif record.layers_by:
        notes.append(
            "Layers (gradients, updates, dead and saturated units) were not looked at: "
            f"they need `{record.layers_by}`."
        )
    return Diagnosis.of(_causes(findings), notes)


def _of_trials(record: Trials) -> Diagnosis:
    findings = [found for rule in TRIAL_RULES for found in rule(record)]
    notes: tuple[str, ...] = ()
    if record.leader is not None:
        leader = _of_one(record.leader)
        findings, notes = [*map(of_leader, leader), *findings], leader.notes
    return Diagnosis.of(findings, notes)


def _causes(findings: list[Finding]) -> list[Finding]:
    """Without what follows from other findings, whose remedy would be the wrong one."""
    if CAUSES.isdisjoint(found.name for found in findings):
        return findings
    return [
        found
        for found in findings
        if found.name not in (OF_ALL if found.layer is None else OF_A_LAYER)
    ]
