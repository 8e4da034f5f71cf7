"""Prints how much pgvector's index finds of what lies near: python -m benchmarks.neighbours CORPUS.jsonl.gz [ENTRIES ...].

On a PostgreSQL that it starts itself, in a register of the papers of the corpus as they are, so that as much lies near a text as in
one genre; beyond their number they come again, with other words in the place of a fifth of theirs. What is looked at: lines that
nobody wrote yet, and passages and whole papers with other words. Directions of passages are those of benchmarks.overlaps.
"""

import argparse
import contextlib
import gzip
import json
import math
import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, insert, text

from benchmarks import overlaps
from benchmarks.ministry import SEED, TOPICS, analyse, build
from benchmarks.overlaps import Mixed, megabytes
from benchmarks.pages import Registers, act_as, p95, registers
from coordinator import encoder as encoders
from coordinator.db import db, read_as_system
from coordinator.overlaps import actions as overlap_actions
from coordinator.passages import actions, queries
from coordinator.passages.models import EntryPassages
from coordinator.passages.rules import NEAR_BITS, apart, parts, passages
from coordinator.words.rules import plain

LOOKS = 40  # of each kind
PUT = 200  # rows by which it is measured what the index costs a save
RECALL_AIM = 0.98
MOST_PASSAGES = 14


class Papers(Mixed):
    """The papers of a corpus one after the other, and from the beginning when all were had."""

    replaced = 0.2

    def __init__(self, corpus: Path, chance: random.Random) -> None:
        super().__init__(corpus, chance, most=sys.maxsize)
        place = {piece: n for n, piece in enumerate(self.pool)}
        self.papers: list[tuple[list[int], str]] = []
        with gzip.open(corpus, "rt", encoding="utf-8") as stream:
            for said in map(json.loads, stream):
                body = plain("", said["text"])[1]
                cut = [body[a:b] for a, b in passages(body)][:MOST_PASSAGES]
                if places := [place[piece] for piece in cut if piece in place]:
                    self.papers.append((places, parts(said["title"], said["text"])[0]))

    def draw(self, topics: Sequence[int]) -> str:
        """Return the next paper."""
        places, _whole = self.papers[len(self.made) % len(self.papers)]
        again = len(self.made) >= len(self.papers)
        self.made.append(places)
        return " ".join(self.other_words(self.pool[p]) if again else self.pool[p] for p in places)

    def wholes(self, folder: Path, left: float) -> np.ndarray:
        """Return the directions of all entries' whole texts; those of the papers are encoded and remembered in the folder.

        `left` is the cosine that other words leave: so far those are moved that come again.
        """
        known, made = folder / "wholes.npz", encoders.encoder(encoders.DEFAULT)
        assert made is not None
        if not known.exists():
            np.savez(known, rows=np.concatenate([made.encode([whole]) for _places, whole in self.papers]))
        unit, chance = overlaps.of_length_one(np.load(known)["rows"]), np.random.default_rng(SEED)
        every = unit[np.arange(len(self.made)) % len(unit)]
        moved = math.sqrt(1 / left**2 - 1) / math.sqrt(every.shape[1])
        every[len(unit) :] += chance.normal(scale=moved, size=every[len(unit) :].shape).astype(np.float32)
        return every


@dataclass(frozen=True)
class Seen:
    """What one process saw: how long its first look took and the others, what each found, and megabytes before and after."""

    first: float
    looks: list[float]
    found: list[frozenset[int]]
    memory: float
    more: float


def lines(mixed: Papers) -> list[str]:
    """Return what is looked at: as many lines nobody wrote, passages in other words, and papers in other words."""
    chance = random.Random(SEED)
    papers = [" ".join(mixed.other_words(mixed.pool[p]) for p in chance.choice(mixed.made)) for _ in range(LOOKS)]
    known = [mixed.other_words(chance.choice(mixed.pool)) for _ in range(LOOKS)]
    return [*chance.sample(mixed.spare, min(LOOKS, len(mixed.spare))), *known, *papers]


def look(url: str, said: Sequence[str], *, by_index: bool) -> Seen:
    """Look at lines in a process of its own, its encoder loaded."""
    with overlaps._app(url).app_context():
        queries.ask_index(by_index)
        act_as("p7@ministry.example")
        session, before = db.session(), 0.0
        times, found = list[float](), list[frozenset[int]]()
        for n, line in enumerate(said):
            content = {"title": " ".join(line.split()[:6]), "text": line, "language": "en", "topics": [n % TOPICS + 20]}
            actions.prepare(content["title"], line)
            before = before or megabytes()
            start = time.perf_counter()
            touches = overlap_actions.would_touch(session, content, unit_id=7, on=date.today())  # noqa: DTZ011
            times.append(time.perf_counter() - start)
            found.append(frozenset(touch.other.id for touch in touches))
            session.rollback()
        seen = Seen(times[0], times[1:], found, before, megabytes() - before)
        db.stop()
    return seen


@dataclass(frozen=True)
class Near:
    """Of one text: how many lie within the floor, how many of them the index found, and seconds to find them either way."""

    within: int
    found: int
    by_index: float
    by_all: float


def nearest(connection: Connection, said: Sequence[str]) -> Iterator[Near]:
    """Yield for each line what lies near it by the index, beside all there is."""
    serves = queries.take_in(connection)
    every = queries.sketched(connection, serves)
    assert serves is not None
    for line in said:
        meaning = actions.prepare(" ".join(line.split()[:6]), line)
        assert meaning is not None
        start = time.perf_counter()
        wanted = set(every.ids[apart(meaning.sketch, every.bits) <= NEAR_BITS].tolist())
        by_all = time.perf_counter() - start
        start = time.perf_counter()
        found = queries._from_index(connection, serves, (meaning, "en"), np.zeros(0, dtype=np.int64))
        taken = time.perf_counter() - start
        yield Near(len(wanted), len(wanted & set(found.ids.tolist())), taken, by_all)


def put(connection: Connection) -> float:
    """Milliseconds that it takes to keep one row more; nothing of it stays."""
    columns = "entry_id, digest, language, sketch, rows"
    some = connection.execute(text(f"SELECT {columns} FROM entry_passages ORDER BY random() LIMIT {PUT}")).mappings().all()  # noqa: S608
    start = time.perf_counter()
    connection.execute(insert(EntryPassages), [{**row, "encoder": "measured"} for row in some])
    taken = time.perf_counter() - start
    connection.rollback()
    return 1000 * taken / len(some)


def measured(corpus: Path, entries: int, kept: Registers) -> None:
    """Build a register, measure it, and print what was found."""
    url, _there = kept.postgresql(entries)
    with overlaps._app(url).app_context():
        autocommit: Any = {"isolation_level": "AUTOCOMMIT", "migration": True}
        with db.engine.connect().execution_options(**autocommit) as connection:
            actions.drop_neighbours(connection)
        mixed = Papers(corpus, random.Random(SEED))
        rows, left, _rate = overlaps.directions(mixed, kept.folder)
        build(entries, today=date.today(), texts=mixed)  # noqa: DTZ011
        overlaps.keep(mixed, rows, left if entries > len(mixed.papers) else 1.0, mixed.wholes(kept.folder, left))
        with db.engine.connect().execution_options(migration=True) as connection:
            without = put(connection)
        with db.engine.connect().execution_options(**autocommit) as connection:
            start = time.perf_counter()
            actions.index_neighbours(connection)
            built = time.perf_counter() - start
            size = connection.scalar(text(f"SELECT pg_relation_size('{queries.NEIGHBOURS}')"))
        analyse()
        with db.engine.connect().execution_options(migration=True) as connection:
            dearer = put(connection) - without
        said = lines(mixed)
        with read_as_system(db.session(), "check") as connection:
            assert queries._can_walk(connection)
            near = list(nearest(connection, said))
        db.session().rollback()
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
            index, exact = (pool.submit(look, url, said, by_index=way).result() for way in (True, False))
        db.stop()
    within, found = sum(n.within for n in near), sum(n.found for n in near)
    worst = min((n.found / n.within for n in near if n.within), default=1.0)
    flags = sum(map(len, exact.found))
    both = sum(len(a & b) for a, b in zip(index.found, exact.found, strict=True))
    recalls = found / within if within else 1.0, both / flags if flags else 1.0
    middle, most = statistics.median(n.within for n in near), max(n.within for n in near)
    print(f"\n{entries:,} entries, {len(mixed.papers):,} different papers; {middle:,.0f} entries (median), {most:,} (most)")
    print(f"  recall of what lies near       {recalls[0]:8.4f} of {within:,}; {worst:.3f} for the worst text")
    print(f"  recall of the flags shown      {recalls[1]:8.4f} of {flags:,}")
    _say("near ones, by the index", [n.by_index for n in near])
    _say("near ones, in memory", [n.by_all for n in near])
    for what, seen in (("live check, by the index", index), ("live check, in memory", exact)):
        _say(what, seen.looks)
        print(f"    first of its process         {1000 * seen.first:6.0f} ms; {seen.more:.0f} MB more in the end")
    print(f"  index                          {size / 1e6:6.1f} MB, made in {built:.0f} s; {dearer:.1f} ms more for each row kept")
    print(f"  aim of {RECALL_AIM:.2f}: {'reached' if min(recalls) >= RECALL_AIM else 'MISSED'}", flush=True)


def _say(what: str, times: list[float]) -> None:
    print(f"  {what:<30} {1000 * statistics.median(times):6.0f} ms p50 {p95(times):6.0f} ms p95")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print, by the arguments of a command line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("corpus", type=Path)
    words.add_argument("entries", type=int, nargs="*", default=[10_000, 50_000])
    words.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the directions and the server there")
    asked = words.parse_args(arguments)
    with registers(asked.keep) as kept:
        for entries in asked.entries:
            with contextlib.suppress(FileNotFoundError):
                (kept.folder / f"postgresql{entries}.whole").unlink()  # it is built anew
            queries.forget()
            measured(asked.corpus, entries, kept)


if __name__ == "__main__":
    main()
