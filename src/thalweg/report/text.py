"""Numbers as a person writes them."""

from math import floor, inf, isfinite, log10
from typing import Any

PM = "\u00a0±\u00a0"  # never broken over two lines

_ABBREVIATIONS = {
    "rmse": "RMSE",
    "mse": "MSE",
    "mae": "MAE",
    "r2": "R²",
    "roc_auc": "ROC-AUC",
    "f1": "F1",
    "f1_macro": "macro F1",
    "gp": "Gaussian process",
    "turbo": "trust region",
}


def named(name: str) -> str:
    """The name of a metric or an algorithm, as text has it."""
    return _ABBREVIATIONS.get(name, name.replace("_", " "))


def number(value: Any, digits: int = 4) -> str:
    """A value in `digits` significant digits; whole numbers in full."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " × ".join(number(item, digits) for item in value)
    if isinstance(value, int) or (hasattr(value, "dtype") and value.dtype.kind in "iu"):
        return f"{int(value):,}".replace(",", "\u202f")  # narrow no-break space
    if not isinstance(value, float):
        try:
            value = float(value)
        except (TypeError, ValueError):
            return str(value)
    if not isfinite(value):
        return "–" if value != value else ("∞" if value > 0 else "−∞")
    if value == 0:
        return "0"
    size = floor(log10(abs(value)))
    if size < -4 or size >= 7:
        text = f"{value:.{min(digits, 3) - 1}e}"
        mantissa, exponent = text.split("e")
        if "." in mantissa:
            mantissa = mantissa.rstrip("0").rstrip(".")
        text = f"{mantissa}e{int(exponent)}"
    else:
        text = f"{value:.{max(0, digits - 1 - size)}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
    return text.replace("-", "−")


def with_error(value: float, error: float, *, typical: float | None = None) -> str:
    """`0.9123 ± 0.0041`: the error in two digits, the value just as fine.

    A column of them is as fine as its `typical` error asks for.
    """
    if not isfinite(value):
        return "–"
    if not isfinite(error) or error <= 0:
        return number(value)
    size = typical if typical is not None and 0 < typical < inf else error
    decimals = 1 - floor(log10(size))
    if decimals > 7 or decimals < -5:
        return f"{number(value)}{PM}{number(error, 2)}"
    decimals = max(0, decimals)
    return f"{value:.{decimals}f}{PM}{error:.{decimals}f}".replace("-", "−")


def seconds(value: float) -> str:
    """A duration: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 14 min`."""
    if not isfinite(value):
        return "–"
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s".removesuffix(" 0 s")
    return f"{whole // 3600} h {whole % 3600 // 60} min".removesuffix(" 0 min")


def percent(share: float) -> str:
    """A share as a percentage that does not claim 0 or 100 falsely."""
    if not isfinite(share):
        return "–"
    value = 100 * share
    if 0 < value < 0.1:
        return "<\u00a00.1\u00a0%"
    if value >= 10 or value == round(value):
        return f"{value:.0f}\u00a0%"
    return f"{value:.1f}\u00a0%"


def count(how_many: int, one: str, many: str | None = None) -> str:
    """`1 trial`, `2 trials`."""
    return f"{number(how_many)} {one if how_many == 1 else many or one + 's'}"


def listed(items: list[str]) -> str:
    """`a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
