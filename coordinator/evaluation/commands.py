"""What an operator, or whoever doubts the detector, measures: `coordinator evaluate`."""

import gzip
import json
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from coordinator import encoder
from coordinator.evaluation.rules import (
    Labels,
    Scores,
    Shelf,
    auc,
    average_precision,
    calibration,
    calibration_error,
    drawn,
    ndcg,
    precision_in,
    recall_at,
    recall_in,
    reciprocal_rank,
)
from coordinator.likeness.actions import view_of
from coordinator.likeness.rules import Likeness, View, are_compared, likeness
from coordinator.settings import detection

CROSS_PAIRS = 20_000
"""So many random pairs are looked at for false alarms, at most, of each source."""
SEED = 20_260_302


@click.group("evaluate")
def group() -> None:
    """Measure how right the likeness of texts is, on files of your own. Needs no register and changes nothing."""


def _with_encoder(named: str) -> None:
    try:
        encoder.choose(named)
    except encoder.NotAnEncoder as error:
        raise click.ClickException(str(error)) from None


_encoder_option = click.option(
    "--encoder",
    "named",
    default="default",
    show_default=True,
    envvar="COORDINATOR_ENCODER",
    help="default, none, or a folder with a sentence-transformers ONNX export.",
)
_json_option = click.option("--json", "as_json", is_flag=True, help="One object instead of a table.")
_file = click.Path(exists=True, dir_okay=False, path_type=Path)

# --- pairs --------------------------------------------------------------------------------------------------------------

Content = tuple[str, str, str]
"""Title, text, language."""


@dataclass(frozen=True)
class Labelled:
    """One pair that somebody has judged."""

    a: Content
    b: Content
    true: bool
    source: str
    topic: str | None


@group.command()
@click.argument("file", type=_file)
@_json_option
@_encoder_option
@click.option("--bins", is_flag=True, help="Print the reliability diagram too: mean score and share of true pairs by bin.")
@click.option("--diagram", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Draw it, as SVG.")
def pairs(file: Path, as_json: bool, named: str, bins: bool, diagram: Path | None) -> None:
    """Score labelled pairs: {id, a: {title?, text, language?}, b: {…}, label, source}, one a line.

    `none` stands against every other label; `partial` is left out. Overall and by source: n, AUC, average precision, recall at
    90 % precision, calibration error at the stated rate of true pairs, recall at the floor of possible overlaps, and the false
    alarms there in a thousand random pairs of texts that no label and no common topic joins (which count as untrue for the
    calibration, too).
    """
    _with_encoder(named)
    judged = [p for row in _rows(file, "a", "b", "label") if (p := _labelled(row)) is not None]
    if not judged:
        raise click.ClickException("There is no labelled pair in the file.")
    views, encoding = _views(c for p in judged for c in (p.a, p.b))
    began = time.perf_counter()
    likes = [likeness(views[p.a], views[p.b]) for p in judged]
    scoring = time.perf_counter() - began
    floors = _floors()
    scores = np.array([like.score for like in likes])
    flagged = np.array([_is_flagged(views[p.a], views[p.b], like, floors) for p, like in zip(judged, likes, strict=True)])
    labels = np.array([p.true for p in judged])
    by_source: defaultdict[str, list[int]] = defaultdict(list)
    for n, p in enumerate(judged):
        by_source[p.source].append(n)
    strangers = {source: _strangers([judged[n] for n in places], views, floors) for source, places in sorted(by_source.items())}
    every = Strangers(*(np.concatenate(part) for part in zip(*((s.scores, s.flagged) for s in strangers.values()), strict=True)))
    answer: dict[str, Any] = {
        "overall": _measures(scores, labels, flagged, every)
        | {
            "encoder": _name(),
            "texts": len(views),
            "texts_per_second": round(len(views) / encoding, 1),
            "pairs_per_second": round(len(judged) / scoring, 1),
        },
        "by_source": {
            source: _measures(scores[places], labels[places], flagged[places], strangers[source])
            for source, places in sorted(by_source.items())
        },
    }
    if bins:
        answer["overall"]["bins"] = _bins(scores, labels, every)
    if diagram is not None:
        diagram.write_text(drawn(_bins(scores, labels, every), rate=_rate()), encoding="utf-8")
    _say_pairs(answer) if not as_json else click.echo(json.dumps(answer))


def _labelled(row: dict[str, Any]) -> Labelled | None:
    if row["label"] == "partial":
        return None
    return Labelled(
        _content(row["a"]), _content(row["b"]), row["label"] != "none", str(row.get("source") or "all"), row.get("topic") or None
    )


def _content(said: dict[str, Any]) -> Content:
    return str(said.get("title") or ""), str(said.get("text") or ""), str(said.get("language") or "en")


def _views(contents: Iterable[Content]) -> tuple[dict[Content, View], float]:
    began = time.perf_counter()
    views: dict[Content, View] = {}
    for content in contents:
        if content not in views:
            views[content] = view_of(*content)
    return views, max(time.perf_counter() - began, 1e-9)


def _floors() -> tuple[float, float]:
    """The floor of possible overlaps in one language, and across two."""
    said = detection()["text"]
    return said["possible_floor"], said["possible_floor_abroad"]


@dataclass(frozen=True)
class Strangers:
    """Random pairs that no label and no common topic joins: their scores, and which of them reach the floor."""

    scores: Scores
    flagged: Labels


def _strangers(judged: Sequence[Labelled], views: dict[Content, View], floors: tuple[float, float]) -> Strangers:
    """Return random pairs of unrelated texts of one source."""
    parent: dict[Content, Content] = {}

    def head(content: Content) -> Content:
        while (above := parent.setdefault(content, content)) != content:
            parent[content] = parent.get(above, above)
            content = above
        return content

    for p in judged:
        if p.true:
            parent[head(p.a)] = head(p.b)
            if p.topic is not None:
                parent[head(p.a)] = head((p.topic, "", "topic"))
    chance = random.Random(SEED)  # the same pairs each time
    scores, flagged = [], []
    for _ in range(CROSS_PAIRS):
        one, other = chance.choice(judged), chance.choice(judged)
        if head(one.a) != head(other.b) and (one.topic is None or one.topic != other.topic):
            like = likeness(views[one.a], views[other.b])
            scores.append(like.score)
            flagged.append(_is_flagged(views[one.a], views[other.b], like, floors))
    return Strangers(np.array(scores), np.array(flagged, dtype=bool))


def _is_flagged(a: View, b: View, like: Likeness, floors: tuple[float, float]) -> bool:
    """Say whether the detector would flag two texts that share nothing else: it compares them at all, and finds them alike."""
    return like.score >= floors[like.abroad] and are_compared(a, b, beside=False)


def _measures(scores: Scores, labels: Labels, flagged: Labels, strangers: Strangers) -> dict[str, Any]:
    found: dict[str, Any] = {"n": len(scores), "true": int(labels.sum())}
    if not labels.any() or labels.all():
        found["note"] = "one class only: there is nothing to tell apart"
    else:
        found |= {
            "auc": round(auc(scores, labels), 4),
            "ap": round(average_precision(scores, labels), 4),
            "recall_at_90_precision": round(recall_at(scores, labels, precision=0.9), 4),
            "calibration_error": round(calibration_error(*_with(scores, labels, strangers), rate=_rate()), 4),
        }
    if labels.any():
        found["recall_at_floor"] = round(float(flagged[labels].mean()), 4)
    if len(strangers.scores):
        alarms = 1000 * float(strangers.flagged.mean())
        found |= {"false_alarms_per_1000": round(alarms, 2), "random_pairs": len(strangers.scores)}
    return found


def _rate() -> float:
    rate: float = detection()["text"]["rate_of_true_pairs"]
    return rate


def _with(scores: Scores, labels: Labels, strangers: Strangers) -> tuple[Scores, Labels]:
    """The true pairs against all others, judged or random: most of the pairs that a register has are of strangers."""
    return np.concatenate([scores, strangers.scores]), np.concatenate([labels, np.zeros(len(strangers.scores), dtype=bool)])


def _bins(scores: Scores, labels: Labels, strangers: Strangers) -> list[dict[str, float]]:
    return [
        {"score": round(score, 4), "share_true": round(share, 4), "weight": round(weight, 6)}
        for score, share, weight in calibration(*_with(scores, labels, strangers), rate=_rate())
    ]


COLUMNS = (
    ("n", "n"),
    ("auc", "AUC"),
    ("ap", "AP"),
    ("recall_at_90_precision", "R@P90"),
    ("calibration_error", "calib."),
    ("recall_at_floor", "R@floor"),
    ("false_alarms_per_1000", "alarms/1000"),
)


def _say_pairs(answer: dict[str, Any]) -> None:
    rows = {**answer["by_source"], "overall": answer["overall"]}
    wide = max(len(source) for source in rows)
    click.echo(" ".join([" " * wide, *(f"{label:>11}" for _, label in COLUMNS)]))
    for source, found in rows.items():
        cells = [f"{found[key]:>11}" if key in found else f"{'–':>11}" for key, _ in COLUMNS]
        click.echo(" ".join([f"{source:<{wide}}", *cells]) + (f"  {found['note']}" if "note" in found else ""))
    whole = answer["overall"]
    click.echo(
        f"Encoder {whole['encoder']}; {whole['texts']:,} texts at {whole['texts_per_second']:,} a second, "
        f"pairs at {whole['pairs_per_second']:,} a second."
    )
    for row in whole.get("bins", ()):
        click.echo(f"score {row['score']:.3f}  true {row['share_true']:.3f}  weight {row['weight']:.5f}")


# --- retrieval ----------------------------------------------------------------------------------------------------------


@group.command()
@click.argument("corpus", type=_file)
@click.argument("qrels", type=_file)
@_json_option
@_encoder_option
def retrieval(corpus: Path, qrels: Path, as_json: bool, named: str) -> None:
    """Look for the like of some papers of a corpus: {id, unit, title, text}, and {query, relevant, exclude}, one a line.

    A paper of the asker's own unit is never found. Prints nDCG@10, P@5, MRR, recall within the first 200, seconds to index and
    milliseconds a query.
    """
    _with_encoder(named)
    shelf, places = Shelf(), dict[str, int]()
    began = time.perf_counter()
    for row in _rows(corpus, "id"):
        places[str(row["id"])] = len(shelf.ids)
        shelf.put(str(row["id"]), str(row.get("unit") or ""), view_of(*_content(row)))
    indexing = time.perf_counter() - began
    measured: list[tuple[float, float, float, float]] = []
    took: list[float] = []
    unknown = 0
    for row in _rows(qrels, "query", "relevant"):
        place = places.get(str(row["query"]))
        relevant = _relevant(row["relevant"])
        if place is None or not relevant:
            unknown += 1
            continue
        without = {str(row["query"]), *(str(i) for i in row.get("exclude") or ())}
        began = time.perf_counter()
        found = [i for i, _ in shelf.look(shelf.views[place], unit=shelf.units[place] or None, without=without)]
        took.append(1000 * (time.perf_counter() - began))
        measured.append(
            (ndcg(found, relevant), precision_in(found, relevant), reciprocal_rank(found, relevant), recall_in(found, relevant))
        )
    if not measured:
        raise click.ClickException("None of the queries is in the corpus.")
    means = [round(statistics.fmean(column), 4) for column in zip(*measured, strict=True)]
    answer = {
        **dict(zip(("ndcg_at_10", "p_at_5", "mrr", "recall_at_200"), means, strict=True)),
        "encoder": _name(),
        "documents": len(shelf.ids),
        "queries": len(measured),
        "queries_left_out": unknown,
        "seconds_to_index": round(indexing, 2),
        "ms_per_query": round(statistics.median(took), 2),
    }
    if as_json:
        click.echo(json.dumps({"overall": answer}))
        return
    for key, value in answer.items():
        click.echo(f"{key.replace('_', ' '):<18} {value}")


def _relevant(said: Any) -> dict[str, float]:
    if isinstance(said, dict):
        return {str(i): float(gain) for i, gain in said.items() if float(gain) > 0}
    return {str(i): 1.0 for i in (said if isinstance(said, list) else [said])}


# --- files --------------------------------------------------------------------------------------------------------------


def _rows(file: Path, *needed: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of JSON lines, also with .gz; a line without what is needed ends the command with its number."""
    with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise click.ClickException(f"Line {number} of {file.name} is not JSON: {error}") from None
            if not isinstance(row, dict) or not all(name in row for name in needed):
                raise click.ClickException(f"Line {number} of {file.name} is no object with {', '.join(needed)}.")
            yield row


def _name() -> str:
    found = encoder.chosen()
    return found.name if found is not None else encoder.NONE
