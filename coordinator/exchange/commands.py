"""What an operator brings in from files."""

import csv
import gzip
import io
import json
import sys
import zlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import click
import numpy as np
from flask.cli import AppGroup

from coordinator.clock import now, today
from coordinator.db import bind_reader, bookkeeping, db, transaction
from coordinator.exchange import actions, queries
from coordinator.exchange.actions import Importer
from coordinator.exchange.rules import (
    FIELDS,
    MAKEABLE,
    BadRow,
    Did,
    Known,
    Outcome,
    Row,
    Taken,
    Unknown,
    not_known,
    refuse_unmakeable,
    row_digest,
    row_id,
    sound,
    taken,
)
from coordinator.extensions import settings
from coordinator.jobs import every_minute

group = AppGroup("entries", help="Bring positions and dossiers in from files.")

CHUNK = 200  # rows of one change
LONGEST = 2_000_000  # bytes of one line: a file without line ends must not fill the memory


@every_minute("uploads")
def forget_uploads() -> int:
    """Forget the uploads that nobody confirmed within thirty days; return how many."""
    with bookkeeping(db.session) as written:
        return actions.forget_old(written, at=now())


class _RolledBack(Exception):
    """Ends a dry run before anything is kept."""


@group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", help="The name under which ids are kept; the file's own name by default.")
@click.option("--organisation", help="Make units that are not known, as units of this organisation.")
@click.option("--create", is_flag=True, help="Make topics, forums, questions and counterparts that are not known.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
def import_(file: Path, source: str | None, organisation: str | None, create: bool, dry_run: bool) -> None:
    """Bring in the rows of a file: .jsonl or .csv, also with .gz.

    Each row has id, unit, title and text, and may have date, kind, topics, forum, event, question, stance, reason,
    counterparts, instruments, type, level, audience, language, state, valid_until, restriction_reason. A bad row is named by its
    line, the others come in. Run again, or after it was killed, it changes only what differs.
    """
    plan = Plan(
        source=(source or _bare_name(file))[:120],
        organisation=organisation,
        makeable=(frozenset({"unit"}) if organisation else frozenset()) | (MAKEABLE if create else frozenset()),
        dry_run=dry_run,
    )
    try:
        survey = look_through(file)
        counts = _bring_in(file, survey, plan)
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise click.ClickException(f"The file cannot be read to its end: {error}") from None
    _say(counts, survey, plan)
    if counts[Did.BAD]:
        raise SystemExit(1)


@dataclass(frozen=True)
class Plan:
    """How a file is brought in."""

    source: str
    organisation: str | None
    makeable: frozenset[str]
    dry_run: bool


def _bare_name(file: Path) -> str:
    name = file.name.removesuffix(".gz")
    return name.removesuffix(".jsonl").removesuffix(".csv")


# --- reading -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One row of a file as it stands there, or what is wrong with it."""

    number: int
    raw: dict[str, Any]
    fault: str = ""


def read(file: Path) -> Iterator[Line]:
    """Yield the rows of a file one by one, whatever its size; raises ClickException for a file of another kind."""
    name = file.name.removesuffix(".gz")
    with _opened(file) as stream:
        if name.endswith(".jsonl"):
            yield from _json_lines(stream)
        elif name.endswith(".csv"):
            yield from _csv_rows(stream)
        else:
            raise click.ClickException("The file's name has to end in .jsonl or .csv, or one of these and .gz.")


def _opened(file: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(file)) if file.name.endswith(".gz") else file.open("rb")


def _json_lines(stream: IO[bytes]) -> Iterator[Line]:
    number = 0
    while said := stream.readline(LONGEST):
        number += 1
        if len(said) == LONGEST and not said.endswith(b"\n"):
            while (rest := stream.readline(LONGEST)) and not rest.endswith(b"\n"):
                pass
            yield Line(number, {}, f"the line is longer than {LONGEST:,} bytes")
        elif said.strip():
            yield _parsed(number, said)


def _parsed(number: int, said: bytes) -> Line:
    try:
        raw = json.loads(said.decode("utf-8-sig", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        return Line(number, {}, f"it is not JSON: {error}")
    if not isinstance(raw, dict):
        return Line(number, {}, "it is JSON, but not an object with fields")
    return Line(number, raw)


def _csv_rows(stream: IO[bytes]) -> Iterator[Line]:
    csv.field_size_limit(LONGEST)
    with io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline="") as text:
        yield from _csv_lines(csv.reader(text))


def _csv_lines(rows: Any) -> Iterator[Line]:
    names: list[str] = next(rows, [])
    missing = [n for n in ("id", "unit", "title", "text") if n not in names]
    if missing:
        raise click.ClickException(f"The first line has to name the columns; missing: {', '.join(missing)}.")
    before = rows.line_num
    for row in rows:
        number, before = before + 1, rows.line_num
        if not any(row):
            continue
        if len(row) != len(names):
            yield Line(number, {}, f"it has {len(row)} values for {len(names)} columns")
        else:
            yield Line(number, {n: v for n, v in zip(names, row, strict=True) if v})


@dataclass
class Survey:
    """What a first look through a file tells: how many rows, and what stands under ids that come more than once."""

    rows: int = 0
    again: dict[int, list[int]] = field(default_factory=dict)
    """Short digests of the rows of such an id, in their order, by the short digest of the id."""
    unused: Counter[str] = field(default_factory=Counter)


def _short(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "big")


def _short_digest(digest: str) -> int:
    return int(digest[:16], 16)


def look_through(file: Path) -> Survey:
    """Read a file once and keep sixteen bytes a row: its number of rows, and which ids come again with what."""
    survey = Survey()
    ids, digests = array("Q"), array("Q")
    for line in read(file):
        survey.rows += 1
        survey.unused.update(line.raw.keys() - set(FIELDS))
        if not line.fault:
            ids.append(_short(row_id(line.raw)))
            digests.append(_short_digest(row_digest(line.raw)))
    kept = np.frombuffer(ids, dtype=np.uint64) if ids else np.array([], dtype=np.uint64)
    values, counts = np.unique(kept, return_counts=True)
    several = values[counts > 1]
    for at in np.flatnonzero(np.isin(kept, several)):
        survey.again.setdefault(int(kept[at]), []).append(digests[at])
    return survey


# --- bringing in -------------------------------------------------------------------------------------------------------


def _bring_in(file: Path, survey: Survey, plan: Plan) -> Counter[str]:
    counts: Counter[str] = Counter()
    repeats = Repeats(survey)
    with click.progressbar(length=survey.rows, label=f"Importing {file.name}", file=sys.stderr) as bar:
        lines = read(file)
        while chunk := list(islice(lines, CHUNK)):
            for outcome in _bring_in_chunk(chunk, repeats, plan, counts):
                counts[outcome.did] += 1
                if outcome.did is Did.BAD:
                    click.echo(f"line {outcome.line}: {outcome.reason}")
            bar.update(len(chunk))
    return counts


class Repeats:
    """Keeps apart the rows of an id that comes more than once, so that a second run makes no version twice.

    The digest that is kept is that of the last row taken. A row that stands before that one in the file was taken too.
    """

    def __init__(self, survey: Survey) -> None:
        self._again = survey.again
        self._met: defaultdict[int, int] = defaultdict(int)
        self._up_to: dict[int, int] = {}

    def concerns(self, row_id: str) -> bool:
        """Say whether an id comes more than once in the file."""
        return _short(row_id) in self._again

    def taken_already(self, row: Row, kept: str | None) -> bool:
        """Say whether an earlier run took a row; `kept` is the digest that its id has now."""
        key = _short(row.id)
        digests = self._again[key]
        if key not in self._up_to:  # the first of them in this run: what is kept is from before it
            found = [i for i, digest in enumerate(digests) if kept and digest == _short_digest(kept)]
            self._up_to[key] = found[-1] if found else -1
        number = digests.index(_short_digest(row.digest), self._met[key])  # bad rows between them are passed over
        self._met[key] = number + 1
        return number <= self._up_to[key]


def _bring_in_chunk(chunk: list[Line], repeats: Repeats, plan: Plan, counts: Counter[str]) -> list[Outcome]:
    """Take some lines in one change of the register; only what is sound gets as far as that."""
    outcomes: list[Outcome] = []
    session = db.session()
    bind_reader(session, None)
    known = queries.known(session, organisation=plan.organisation)
    named = _not_taken_yet(_sound_rows(chunk, known, plan, outcomes), repeats, plan, outcomes)
    for row, _ in named:
        counts["titles cut"] += row.title_cut
        counts["texts cleaned"] += row.cleaned
    making = [(row, names) for row, names in named if names]
    if making and plan.dry_run:  # what hangs on a name that is only going to be made cannot be tried
        outcomes += [Outcome(row.line, Did.NEW) for row, _ in making]
        named = [(row, names) for row, names in named if not names]
    elif making:
        # a change of its own, so that what hangs on a new name is not looked at twice when the rows come in
        with transaction(session):
            actions.make_named(session, making, organisation=plan.organisation, at=now())
        known = queries.known(session, organisation=plan.organisation)
    outcomes += _take([taken(row, known) for row, _ in named], plan)
    bind_reader(session, None)
    session.expunge_all()  # memory stays the same however long the file is
    return sorted(outcomes, key=lambda o: o.line)


def _sound_rows(chunk: list[Line], known: Known, plan: Plan, outcomes: list[Outcome]) -> list[tuple[Row, list[Unknown]]]:
    """Return the rows that could be taken, each with what has to be made for it first."""
    found = []
    for line in chunk:
        try:
            if line.fault:
                raise BadRow(line.fault)
            row = sound(line.raw, line=line.number)
            unknown = not_known(row, known)
            refuse_unmakeable(row, unknown, plan.makeable)
            found.append((row, unknown))
        except BadRow as bad:
            outcomes.append(Outcome(line.number, Did.BAD, bad.said))
    return found


def _not_taken_yet(
    rows: list[tuple[Row, list[Unknown]]], repeats: Repeats, plan: Plan, outcomes: list[Outcome]
) -> list[tuple[Row, list[Unknown]]]:
    again = [row.id for row, _ in rows if repeats.concerns(row.id)]
    kept = queries.taken_before(db.session(), plan.source, again) if again else {}
    left = []
    for row, names in rows:
        if repeats.concerns(row.id) and repeats.taken_already(row, kept[row.id][2] if row.id in kept else None):
            outcomes.append(Outcome(row.line, Did.UNCHANGED))
        else:
            left.append((row, names))
    return left


def _take(rows: list[Taken], plan: Plan) -> list[Outcome]:
    if not rows:
        return []
    session = db.session()
    bind_reader(session, Importer(frozenset(r.unit_id for r in rows)))
    outcomes: list[Outcome] = []
    with suppress(_RolledBack), transaction(session):
        outcomes = actions.take(session, rows, source=plan.source, at=now(), today=today(settings().time_zone))
        if plan.dry_run:
            raise _RolledBack
    return outcomes


def _say(counts: Counter[str], survey: Survey, plan: Plan) -> None:
    good = {did: counts[did] for did in (Did.NEW, Did.CHANGED, Did.UNCHANGED)}
    parts = f"{good[Did.NEW]:,} new, {good[Did.CHANGED]:,} new version, {good[Did.UNCHANGED]:,} unchanged"
    click.echo(f"{survey.rows:,} rows = {sum(good.values()):,} good ({parts}) + {counts[Did.BAD]:,} bad; source “{plan.source}”")
    if counts["titles cut"]:
        click.echo(
            f"{counts['titles cut']:,} titles were longer than 200 characters: cut at a word; the whole title opens the text."
        )
    if counts["texts cleaned"]:
        click.echo(f"{counts['texts cleaned']:,} rows held control characters, which nobody sees: taken out.")
    if survey.unused:
        click.echo(f"Not used: {', '.join(f'{name} (in {n:,} rows)' for name, n in sorted(survey.unused.items()))}.")
    if plan.dry_run:
        click.echo("This was a dry run: nothing was changed.")
