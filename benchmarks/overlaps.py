"""Prints what finding overlaps costs as a register grows: python -m benchmarks.overlaps CORPUS.jsonl.gz [ENTRIES ...].

The corpus is one of real papers, {id, unit, title, text}. All its passages are mixed anew, other words put in the place of half of
theirs, so that lengths are those of real papers and twins are rare. Each distinct passage is encoded once; where it stands in an
entry, its direction is moved at random as far as other words move it, which is measured on some of them.
"""

import argparse
import contextlib
import gzip
import json
import logging
import math
import os
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from alembic import command as alembic
from flask import Flask
from sqlalchemy import insert, text

from benchmarks.ministry import CHUNK, SEED, TOPICS, UNITS, Words, analyse, build
from benchmarks.pages import SECRET, act_as, p95
from coordinator import encoder as encoders
from coordinator.app import create_app, serve_long
from coordinator.cli import migrations
from coordinator.db import db, transaction
from coordinator.entries import actions as entry_actions
from coordinator.overlaps import actions as overlap_actions
from coordinator.passages import actions as passage_actions
from coordinator.passages import queries as passage_queries
from coordinator.passages.models import EntryPassages, ServingEncoder
from coordinator.passages.rules import Meaning, passages
from coordinator.positions.actions import log_position
from coordinator.positions.rules import PositionDraft
from coordinator.recompute import actions as recompute_actions
from coordinator.words.actions import text_digest
from coordinator.words.models import EntryKeyword, EntryWords
from coordinator.words.rules import keywords, parse, plain

OTHER_WORDS = 0.5  # of a passage where it stands in an entry
SAVES, LOOKS = 40, 40
SPARE = 4_000  # passages for what is saved and looked at: nobody has these
MEASURED = 300  # passages of which it is measured how far other words move them
LOOK_AIM, SAVE_AIM, MEMORY_AIM, RECOMPUTE_AIM = 200, 300, 700, 15
"""Milliseconds, milliseconds, megabytes, minutes at 100,000 entries."""


class Mixed:
    """Texts made of the passages of a corpus; remembers of which passages each was made."""

    replaced = OTHER_WORDS

    def __init__(self, corpus: Path, chance: random.Random, *, most: int) -> None:
        self.chance = chance
        self.pool: list[str] = []
        self.lengths: list[int] = []
        with gzip.open(corpus, "rt", encoding="utf-8") as stream:
            for line in stream:
                body = plain("", json.loads(line)["text"])[1]
                cut = [body[a:b] for a, b in passages(body)][:14]
                self.lengths.append(max(len(cut), 1))
                self.pool += cut
        chance.shuffle(self.pool)
        spare = min(SPARE, len(self.pool) // 4)
        self.spare, self.pool = self.pool[:spare], self.pool[spare : spare + most]
        self.words = sorted({w for piece in self.pool[:2_000] for w in piece.split() if w.isalpha()})
        self.of_topic = Words(random.Random(SEED)).of_topic
        self.made: list[list[int]] = []

    def draw(self, topics: Sequence[int]) -> str:
        """Return a text as long as some paper of the corpus."""
        places = [self.chance.randrange(len(self.pool)) for _ in range(self.chance.choice(self.lengths))]
        self.made.append(places)
        return " ".join(self.other_words(self.pool[place]) for place in places)

    def new(self) -> str:
        """Return a text of passages that no entry has."""
        return " ".join(self.chance.choice(self.spare) for _ in range(self.chance.choice(self.lengths)))

    def other_words(self, piece: str) -> str:
        """Return a passage with other words of the corpus in the place of some of its own."""
        taken = self.chance.choices(self.words, k=len(words := piece.split()))
        return " ".join(new if self.chance.random() < self.replaced else old for old, new in zip(words, taken, strict=True))


def directions(mixed: Mixed, folder: Path) -> tuple[np.ndarray, float, float]:
    """Return the unit directions of the distinct passages, the cosine that other words leave, and how many are encoded in a second.

    Directions are remembered in the folder: the next register of this corpus has them already.
    """
    pool, known = mixed.pool, folder / "directions.npz"
    made = encoders.encoder(encoders.DEFAULT)
    assert made is not None
    there = np.load(known)["rows"] if known.exists() else np.zeros((0, 512), dtype=np.int8)
    made.encode(["to load it"])
    fresh = [made.encode(pool[n : n + 15]) for n in range(len(there), len(pool), 15)]
    rows = np.concatenate([there, *fresh])[: max(len(pool), len(there))]
    np.savez(known, rows=rows)
    start = time.perf_counter()
    moved = np.concatenate([made.encode([mixed.other_words(piece)]) for piece in pool[:MEASURED]])
    rate = len(moved) / (time.perf_counter() - start)
    unit, others = of_length_one(rows[: len(pool)]), of_length_one(moved)
    return unit, float((unit[: len(others)] * others).sum(axis=1).mean()), rate


def of_length_one(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows.astype(np.float32), axis=1, keepdims=True), 1e-6)


def keep(mixed: Mixed, rows: np.ndarray, left: float, wholes: Sequence[np.ndarray] = ()) -> None:
    """Keep what the entries are compared by: words parsed as ever, directions put together from those of the passages.

    `left` is the cosine that is left of a passage's direction when it has other words. The direction of an entry's whole text is
    the middle of its passages, unless it is known.
    """
    chance, moved = np.random.default_rng(SEED), math.sqrt(1 / left**2 - 1) / math.sqrt(rows.shape[1])
    made = encoders.chosen()
    assert made is not None
    with db.engine.connect() as connection:
        connection = connection.execution_options(begin="IMMEDIATE", migration=True)
        with connection.begin():
            said = connection.execute(text("SELECT id, title, text FROM entry ORDER BY id")).all()
        for start in range(0, len(said), CHUNK):
            words, keys, meanings = [], [], []
            for row in said[start : start + CHUNK]:
                digest, parsed = text_digest(row.title, row.text), parse(row.title, row.text)
                words.append({"entry_id": row.id, "digest": digest, "parsed": digest, "words": parsed.to_bytes()})
                keys += [{"entry_id": row.id, "keyword": k} for k in keywords(parsed)]
                parts = rows[mixed.made[row.id - 1]]
                parts = parts + chance.normal(scale=moved, size=parts.shape).astype(np.float32)
                whole = wholes[row.id - 1][None, :] if len(wholes) else parts.mean(axis=0, keepdims=True)
                unit = np.concatenate([whole, parts])
                unit = np.rint(unit / np.linalg.norm(unit, axis=1, keepdims=True) * encoders.SCALE)
                meaning = Meaning(made.name, np.clip(unit, -127, 127).astype(np.int8))
                meanings.append(
                    {
                        "entry_id": row.id,
                        "encoder": made.name,
                        "digest": digest,
                        "language": parsed.language,
                        "sketch": meaning.sketch.tobytes(),
                        "rows": meaning.to_bytes(),
                    }
                )
            with connection.begin():
                connection.execute(insert(EntryWords), words)
                connection.execute(insert(EntryKeyword), keys)
                connection.execute(insert(EntryPassages), meanings)
        with connection.begin():
            connection.execute(insert(ServingEncoder).values(id=1, encoder=made.name))
    analyse()


@dataclass(frozen=True)
class AtWork:
    """What a web process takes: seconds, and megabytes in the end."""

    first: float
    looks: list[float]
    encoding: list[float]
    saves: list[float]
    memory: float


def at_work(url: str, lines: Sequence[str], papers: Sequence[str]) -> AtWork:
    """Look at lines and release papers in a process of its own, as one that serves pages would."""
    app = _app(url)
    serve_long()
    with app.app_context():
        first, *looked = looks(lines)
        encoding, releasing = saves(papers)
        found = AtWork(first, looked, encoding, releasing, megabytes())
        db.stop()
    return found


def saves(papers: Sequence[str]) -> tuple[list[float], list[float]]:
    """Release new positions of many units; return how long the encoding before took, and the release."""
    encoding, releasing = [], []
    for n, said in enumerate(papers):
        by = act_as(f"p{UNITS - n}@ministry.example")
        session = db.session()
        draft = PositionDraft(title=f"A new line {n}", text=said, topics=(n + 20, n + 60), event_id=(n % 40 + 1) * 3)
        with transaction(session):
            entry = log_position(session, draft, unit=by.unit, by=by, at=datetime.now(UTC), on=date.today())  # noqa: DTZ011
        start = time.perf_counter()
        passage_actions.prepare(draft.title, draft.text)
        encoding.append(time.perf_counter() - start)
        start = time.perf_counter()
        with transaction(session):
            entry_actions.release(session, entry, by=by, at=datetime.now(UTC))
        releasing.append(time.perf_counter() - start)
    return encoding, releasing


def looks(lines: Sequence[str]) -> list[float]:
    """Look at lines as they are written, a title and some forty words on a topic, encoding and all; the first loads the encoder."""
    act_as("p7@ministry.example")
    session, times = db.session(), []
    for n, said in enumerate(lines):
        content = {"title": " ".join(said.split()[:6]), "text": said, "language": "en", "topics": [n % TOPICS + 20]}
        start = time.perf_counter()
        overlap_actions.would_touch(session, content, unit_id=7, on=date.today())  # noqa: DTZ011
        times.append(time.perf_counter() - start)
        session.rollback()
    return times


def share(url: str) -> None:
    """Share in finding all overlaps again, in a process of its own."""
    with _app(url).app_context():
        recompute_actions.recompute(db.session(), at=datetime.now(UTC))
        db.stop()


def recompute(url: str, workers: int) -> float:
    """Find all overlaps again, nothing encoded; return how long it took so many processes, their start included."""
    start = time.perf_counter()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for shared in [pool.submit(share, url) for _ in range(workers)]:
            shared.result()
    return time.perf_counter() - start


def megabytes() -> float:
    """Memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


# --- the same work otherwise --------------------------------------------------------------------------------------------


def timed(work: Callable[[], object], turns: int = 5) -> float:
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def others(mixed: Mixed, rows: np.ndarray, entries: int) -> dict[str, float]:
    """Milliseconds of one look by every passage in numpy and by scikit-learn's TF-IDF; seconds for all pairs of whole texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - of the benchmark only
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415

    places = np.array([p for made in mixed.made[:entries] for p in made])
    every = rows[places]
    query = rows[:2]
    found = {"brute-force numpy, every passage": 1000 * timed(lambda: (every @ query.T).max(axis=1).argsort()[-200:])}
    wholes = np.add.reduceat(every, np.cumsum([0, *(len(m) for m in mixed.made[: entries - 1])]))
    wholes /= np.linalg.norm(wholes, axis=1, keepdims=True)
    texts = [" ".join(mixed.pool[p] for p in made) for made in mixed.made[:entries]]
    vectors = TfidfVectorizer(sublinear_tf=True, stop_words="english")
    matrix = vectors.fit_transform(texts)
    near = NearestNeighbors(n_neighbors=min(200, entries), metric="cosine").fit(matrix)
    said = mixed.spare[0]
    found["scikit-learn TF-IDF, nearest neighbours"] = 1000 * timed(lambda: near.kneighbors(vectors.transform([said])))
    some = wholes[: min(entries, 10_000)]
    whole = timed(lambda: [(some[n : n + 500] @ some.T >= 0.5).sum() for n in range(0, len(some), 500)], turns=1)
    found["all pairs of whole texts, seconds"] = whole * (entries / len(some)) ** 2
    return found


def _app(url: str) -> Flask:
    logging.disable(logging.WARNING)
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(open(os.devnull, "w")))  # noqa: SIM115 - as long as we run
    return create_app(environment="test", secret_key=SECRET, database_url=url)


def measured(corpus: Path, entries: int, folder: Path, *, workers: int) -> dict[str, float]:
    """Build a register, measure it, and print what was found; return what grows with it."""
    url = f"sqlite:///{folder / f'overlaps{entries}.sqlite'}"
    for rest in folder.glob(f"overlaps{entries}.sqlite*"):
        rest.unlink()
    alembic.upgrade(migrations(url), "head")
    with _app(url).app_context():
        mixed = Mixed(corpus, random.Random(SEED), most=2 * entries)
        rows, left, rate = directions(mixed, folder)
        build(entries, today=date.today(), texts=mixed)  # noqa: DTZ011
        keep(mixed, rows, left)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            lines = [mixed.chance.choice(mixed.spare) for _ in range(LOOKS + 1)]
            work = pool.submit(at_work, url, lines, [mixed.new() for _ in range(SAVES)]).result()
        found_again = recompute(url, workers) if workers else None
        with db.session() as session:
            kept = session.connection().execution_options(migration=True).execute(text("SELECT count(*) FROM overlap")).scalar_one()
        compared = others(mixed, rows, entries)
        ours, many = statistics.median(work.looks) * 1000, sum(map(len, mixed.made))
        print(f"\n{entries:,} entries, {many:,} passages, {len(mixed.pool):,} of them distinct; {kept:,} overlaps")
        print(f"  encode                       {rate:8.0f} passages a second; other words leave a cosine of {left:.2f}")
        timed_work = (("live check, encoding and all", work.looks), ("encoding before a save", work.encoding), ("save", work.saves))
        for what, times in timed_work:
            print(f"  {what:<28} {1000 * statistics.median(times):8.0f} ms p50 {p95(times):8.0f} ms p95")
        print(f"  first look of a process      {work.first:8.1f} s")
        if found_again is not None:
            print(f"  recompute, {workers} processes       {found_again:8.0f} s")
        print(f"  memory of a web process      {work.memory:8.0f} MB")
        for name, value in compared.items():
            beside = ours if "seconds" not in name else found_again
            ratio = f"{value / beside:6.2f} × ours" if beside else ""
            print(f"  {name:<42} {value:10.1f}   {ratio}", flush=True)
        db.stop()
    return {"live check": statistics.median(work.looks), "save": statistics.median(work.saves)} | (
        {"recompute": found_again} if found_again is not None else {}
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print, by the arguments of a command line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("corpus", type=Path)
    words.add_argument("entries", type=int, nargs="*", default=[10_000, 50_000, 100_000])
    words.add_argument("--workers", type=int, default=2, help="processes that share the recompute; with none it is left out")
    words.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the directions and the registers there")
    asked = words.parse_args(arguments)
    aims = f"live check p95 {LOOK_AIM} ms, save p95 {SAVE_AIM} ms, memory {MEMORY_AIM} MB, recompute {RECOMPUTE_AIM} min"
    print(f"Aims at 100,000 entries: {aims}.")
    print(f"Load at the start: {os.getloadavg()[0]:.1f}")
    found: dict[int, dict[str, Any]] = {}
    with contextlib.ExitStack() as stack:
        folder = asked.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(exist_ok=True)
        for entries in asked.entries:
            passage_queries.forget()
            found[entries] = measured(asked.corpus, entries, folder, workers=asked.workers)
    small, large = min(found), max(found)
    if small != large:
        print(f"\nGrowth from {small:,} to {large:,}, as a power of the number of entries:")
        for name in found[small]:
            power = math.log(found[large][name] / found[small][name]) / math.log(large / small)
            print(f"  {name:<20} N^{power:.2f}")


if __name__ == "__main__":
    main()
