"""The words of evidence and remedies."""

from math import isfinite
from typing import Any

from thalweg.diagnosis.record import Record

GENTLE = 1e-4  # learning rates below are tried for fine-tuning, not for a fresh start


def lower_rate(record: Record, factor: float) -> str:
    """ "Lower `learning_rate` from 0.5 to about 0.05", as far as it is known."""
    rate = record.settings.get("learning_rate")
    if not rate:
        return f"Lower `learning_rate` to about {factor:g} times what it is"
    return f"Lower `learning_rate` from {shown(rate)} to about {shown(rate * factor)}"


def raise_rate(record: Record) -> str:
    """For a loss that stands still: a usual rate where it is small, else the rest."""
    rate = record.settings.get("learning_rate")
    if rate is None:
        return "Raise `learning_rate` tenfold, until the loss moves."
    if rate < GENTLE:
        usual = "1e-2" if record.settings.get("optimizer") == "SGD" else "1e-3"
        return f"Raise `learning_rate` from {shown(rate)} to about {usual}."
    return (
        f"Let `tw.range_test` suggest a `learning_rate` (now {shown(rate)}), and begin "
        'with `init="he"` and scaled inputs; if nothing moves the loss, the inputs may '
        "not tell the target."
    )


def shown(value: Any) -> str:
    """A number in three digits; whole ones in full."""
    value = float(value)
    if value.is_integer() and abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.3g}" if isfinite(value) else str(value)


def percent(share: float) -> str:
    """A share as a percentage, in two digits."""
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.0f} %"
