"""Where the channels of a child's layer come from, and what each hands on."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

FRESH = -1  # a channel that the parent doesn't have


class Channels(NamedTuple):
    """Of every channel of the child: its original, and its share of what that did."""

    source: Int[np.ndarray, " w"]
    share: Float[np.ndarray, " w"]
    originals: int  # how many the parent has

    @staticmethod
    def same(width: int, originals: int | None = None) -> "Channels":
        """Each is its own; more than the parent has are fresh."""
        originals = width if originals is None else originals
        own = np.arange(width) < originals
        source = np.where(own, np.arange(width), FRESH)
        return Channels(source, own.astype(float), originals)

    @staticmethod
    def grown(
        old: int, new: int, *, copies: bool, rng: np.random.Generator
    ) -> "Channels":
        """From `old` to `new`: more as copies of some, or as fresh ones that add zero.

        A whole multiple copies each equally often, side by side, which also keeps what
        a layer norm or a group norm sees. Fewer are the first ones.
        """
        if new <= old or not copies:
            return Channels.same(new, old)
        if new % old == 0:
            source = np.repeat(np.arange(old), new // old)
        else:
            source = np.concatenate([np.arange(old), rng.integers(old, size=new - old)])
        return Channels(source, 1 / np.bincount(source)[source], old)

    def then(self, further: "Channels") -> "Channels":
        """Of what `further` makes of these channels."""
        share = self.share[further.source] * further.share
        return Channels(self.source[further.source], share, self.originals)

    @property
    def width(self) -> int:
        """How many channels the child has."""
        return len(self.source)

    @property
    def again(self) -> np.ndarray:
        """Which channels are copies of one that stands before them."""
        first = np.unique(self.source, return_index=True)[1]
        again = np.ones(self.width, bool)
        again[first] = False
        return again & (self.source != FRESH)

    def evenly(self) -> bool:
        """Whether each original stands equally often, side by side."""
        counts = np.bincount(self.source[self.source != FRESH])
        ordered = np.repeat(np.arange(len(counts)), counts[:1])
        return np.array_equal(self.source, ordered)

    def spread(self, places: int) -> "Channels":
        """Of a row of all numbers of an image, with the channels last."""
        begin = np.arange(places)[:, None] * self.originals
        source = np.where(self.source == FRESH, FRESH, begin + self.source).ravel()
        share = np.tile(self.share, places)
        return Channels(source, share, self.originals * places)

    def split(self, parts: int) -> "Channels":
        """Where each channel becomes `parts` ones."""
        source = self.source[:, None] * parts + np.arange(parts)
        source = np.where(self.source[:, None] == FRESH, FRESH, source)
        share = np.repeat(self.share, parts)
        return Channels(source.ravel(), share, self.originals * parts)

    def is_same(self, other: "Channels") -> bool:
        """Whether both come from the same originals in one order."""
        same = np.array_equal(self.source, other.source)
        return same and self.originals == other.originals

    def outgoing(self, old: Any, fresh: Any) -> Any:
        """An array's last axis after the growth; fresh channels start as built."""
        found = np.take(np.asarray(old), np.maximum(self.source, 0), axis=-1)
        return np.where(self.source == FRESH, np.asarray(fresh), found)

    def incoming(self, old: Any) -> Any:
        """A kernel `[..., channels, out]` that reads these and computes what it did."""
        old = np.asarray(old)
        found = np.take(old, np.maximum(self.source, 0), axis=-2)
        return (found * self.share[:, None]).astype(old.dtype)
