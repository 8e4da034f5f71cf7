"""The measures, each a pure function of scores and labels; and a shelf of texts to look in, by the rules of the detector."""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from coordinator.likeness.rules import Among, View, likeness_many
from coordinator.passages.rules import Sketched, number_of
from coordinator.words.rules import keywords

Scores = NDArray[np.float64]
Labels = NDArray[np.bool_]

# --- of scores and labels -----------------------------------------------------------------------------------------------


def auc(scores: Scores, labels: Labels) -> float:
    """Return the chance that a true pair scores above another, ties half (Mann–Whitney U / n₁n₀); both classes must be there."""
    _, place, many = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(many) - (many - 1) / 2)[place]
    true = int(labels.sum())
    return float((ranks[labels].sum() - true * (true + 1) / 2) / (true * (len(labels) - true)))


def _curve(scores: Scores, labels: Labels) -> tuple[Scores, Scores]:
    """Precision and recall at each distinct score, the highest first."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    hits = np.cumsum(labels[order])[ends]
    return hits / (ends + 1), hits / labels.sum()


def average_precision(scores: Scores, labels: Labels) -> float:
    """Return the sum over distinct scores of (recall gained) × precision."""
    precision, recall = _curve(scores, labels)
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def recall_at(scores: Scores, labels: Labels, *, precision: float) -> float:
    """Return the largest recall at which so much precision is kept; 0 if none is."""
    reached, recall = _curve(scores, labels)
    return float(recall[reached >= precision].max(initial=0.0))


def calibration(scores: Scores, labels: Labels, *, rate: float, bins: int = 10) -> list[tuple[float, float, float]]:
    """Return mean score, share of true pairs and weight of each bin of scores, if so many of all pairs are true.

    Classes are weighed so that true pairs make up `rate`; weights add up to one, and empty bins are left out.
    """
    weights = np.where(labels, rate / max(labels.sum(), 1), (1 - rate) / max((~labels).sum(), 1))
    places = np.minimum((scores * bins).astype(int), bins - 1)
    found = []
    for place in range(bins):
        here = places == place
        weight = float(weights[here].sum())
        if weight > 0:
            found.append((float((weights * scores)[here].sum() / weight), float(weights[here & labels].sum() / weight), weight))
    return found


def calibration_error(scores: Scores, labels: Labels, *, rate: float) -> float:
    """Return the expected calibration error: the weighted mean distance between score and share of true pairs over the bins."""
    return sum(abs(score - share) * weight for score, share, weight in calibration(scores, labels, rate=rate))


def drawn(bins: Sequence[Mapping[str, float]], *, rate: float, wide: int = 420) -> str:
    """Return a reliability diagram as SVG: the score against the share that was true; large dots stand for many pairs."""
    edge, inner = 50, wide - 70

    def at(score: float, share: float) -> tuple[float, float]:
        return edge + score * inner, edge / 2 + (1 - share) * inner

    def line(a: tuple[float, float], b: tuple[float, float], more: str) -> str:
        return f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" {more}/>'

    parts = [line(at(0, 0), at(1, 1), 'stroke="#767676" stroke-dasharray="4 4"')]
    for step in (0, 0.25, 0.5, 0.75, 1):
        x, y = at(step, 0)
        parts += [line(at(step, 0), at(step, 1), 'stroke="#d8d8d8"'), line(at(0, step), at(1, step), 'stroke="#d8d8d8"')]
        parts.append(f'<text x="{x:.0f}" y="{y + 16:.0f}" text-anchor="middle">{step:g}</text>')
        parts.append(f'<text x="{edge - 6}" y="{at(0, step)[1] + 4:.0f}" text-anchor="end">{step:g}</text>')
    points = [at(b["score"], b["share_true"]) for b in bins]
    parts += [line(a, b, 'stroke="#1f5f9f" stroke-width="2"') for a, b in zip(points, points[1:], strict=False)]
    for (x, y), b in zip(points, bins, strict=True):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{4 + 3 * max(0, math.log10(b["weight"]) + 4):.1f}" fill="#1f5f9f"/>')
    said = f"share of true pairs, if {rate:g} of all are"
    parts.append(f'<text x="{edge + inner / 2:.0f}" y="{wide - 12}" text-anchor="middle">score</text>')
    parts.append(f'<text transform="translate(14 {edge / 2 + inner / 2:.0f}) rotate(-90)" text-anchor="middle">{said}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {wide}" width="{wide}" font-family="sans-serif" '
        f'font-size="12">'
        f"<title>Reliability of the score</title><rect width='100%' height='100%' fill='#fff'/>{''.join(parts)}</svg>\n"
    )


# --- of an order --------------------------------------------------------------------------------------------------------


def ndcg(found: Sequence[str], relevant: Mapping[str, float], *, most: int = 10) -> float:
    """Return the discounted cumulative gain of the first `most` over the best there could be (Järvelin and Kekäläinen 2002)."""
    gain = sum(relevant.get(i, 0.0) / math.log2(n + 2) for n, i in enumerate(found[:most]))
    best = sum(g / math.log2(n + 2) for n, g in enumerate(sorted(relevant.values(), reverse=True)[:most]))
    return gain / best if best else 0.0


def precision_in(found: Sequence[str], relevant: Collection[str], *, most: int = 5) -> float:
    """Return the share of relevant ones among the first `most`."""
    return sum(i in relevant for i in found[:most]) / most


def reciprocal_rank(found: Sequence[str], relevant: Collection[str]) -> float:
    """Return one over the place of the first relevant one, 0 if there is none."""
    return next((1 / n for n, i in enumerate(found, 1) if i in relevant), 0.0)


def recall_in(found: Sequence[str], relevant: Collection[str], *, most: int = 200) -> float:
    """Return the share of all relevant ones that are among the first `most`."""
    return len(set(found[:most]) & set(relevant)) / len(relevant) if relevant else 0.0


# --- a shelf ------------------------------------------------------------------------------------------------------------


class Shelf:
    """Texts to look in for those that are like another: the detector's own candidates and scores, without a database.

    Candidates are those that the detector compares beside a common topic or forum: one telling word in common brings them together.
    """

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.units: list[str] = []
        self.views: list[View] = []
        self._holders: defaultdict[int, list[int]] = defaultdict(list)
        self._among: tuple[int, Among] | None = None
        """How many texts it was made of, and what finds candidates among them."""

    def put(self, name: str, unit: str, view: View) -> None:
        """Put a text on the shelf."""
        for keyword in keywords(view.words):
            self._holders[keyword].append(len(self.ids))
        self.ids.append(name)
        self.units.append(unit)
        self.views.append(view)

    def look(self, view: View, *, unit: str | None, without: Collection[str] = ()) -> list[tuple[str, float]]:
        """Return the texts of other units that are compared with one, with their scores, the likeliest first."""
        every = np.arange(len(self.ids))
        if self._among is None or self._among[0] < len(every):
            self._among = len(every), Among(_sketched(self.views), (every,))
        holders = [np.array(self._holders[k]) for k in keywords(view.words) if k in self._holders]
        compared = self._among[1].compared_with(holders, every, (view.meaning, view.language) if view.meaning is not None else None)
        places = [p for p in compared.tolist() if (unit is None or self.units[p] != unit) and self.ids[p] not in without]
        likes = likeness_many(view, [self.views[p] for p in places])
        found = [(self.ids[p], like.score) for p, like in zip(places, likes, strict=True)]
        return sorted(found, key=lambda f: (-f[1], f[0]))


def _sketched(views: Sequence[View]) -> Sketched:
    seen = [(place, v.meaning.sketch, number_of(v.language)) for place, v in enumerate(views) if v.meaning is not None]
    bits = np.array([sketch for _, sketch, _ in seen], dtype=np.uint64).reshape(-1, 8)
    places = np.array([place for place, _, _ in seen], dtype=np.int64)
    languages = np.array([language for _, _, language in seen], dtype=np.uint64)
    return Sketched(places, np.asfortranarray(bits), languages)
