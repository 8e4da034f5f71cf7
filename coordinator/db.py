"""Tables, sessions, and the only commit: `transaction` for a change of the register, `bookkeeping` for the product's own notes.

A session is bound to a reader before it may read what is protected; `read_as_system` is the one way round, and names its purpose.
"""

import json
import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache, partial
from itertools import count
from typing import Any, ClassVar, Protocol

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Enum,
    Integer,
    MetaData,
    Select,
    String,
    all_,
    any_,
    bindparam,
    create_engine,
    event,
    func,
    select,
    true,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    ORMExecuteState,
    Session,
    mapped_column,
    scoped_session,
    sessionmaker,
)
from sqlalchemy.orm.interfaces import CriteriaOption
from sqlalchemy.orm.util import LoaderCriteriaOption
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import SelectBase
from sqlalchemy.sql.visitors import anon_map
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from coordinator.errors import Busy

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of all tables. A table is part of the register, and its changes are recorded, unless it says otherwise."""

    metadata = MetaData(naming_convention=NAMES)
    bookkeeping: ClassVar[bool] = False


class Moment(TypeDecorator[datetime]):
    """An aware moment; kept in UTC, and given back in UTC also by a database that knows no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive moment: nobody could say which one it is."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the moment back in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class _Behind(FunctionElement[Any]):
    inherit_cache = True


@compiles(_Behind)
def _as_it_is(element: _Behind, compiler: SQLCompiler, **how: Any) -> str:
    return compiler.process(element.clauses, **how)


@compiles(_Behind, "sqlite")
def _past_indexes(element: _Behind, compiler: SQLCompiler, **how: Any) -> str:
    return f"+{compiler.process(element.clauses, **how)}"


def behind(column: Any) -> Any:
    """Return a column that a condition is checked on, and that SQLite does not look for rows by.

    SQLite keeps no statistics here, so that it takes "is released" or "may be read" for as telling as "is this one": nearly all
    rows pass the former. PostgreSQL knows, and gets the column as it is.
    """
    behind_it = _Behind(column)
    behind_it.type = column.type
    return behind_it


class _Line(UserDefinedType[str]):
    """An array as PostgreSQL writes it, in one line: given a list, its driver looks at each number anew in each statement."""

    cache_ok = True
    render_bind_cast = True

    def get_col_spec(self, **_: Any) -> str:
        """Return what the line is read as."""
        return "INTEGER[]"


def _line(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


class _Numbers(TypeDecorator[Sequence[int]]):
    """Many numbers as one value: an array, and in SQLite a line of JSON."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return what the database takes them as."""
        return dialect.type_descriptor(String() if dialect.name == "sqlite" else _Line())

    def process_bind_param(self, value: Sequence[int] | None, dialect: Dialect) -> Any:
        """Return them as the database takes them."""
        return json.dumps(value) if dialect.name == "sqlite" else _line(value or ())


class _Among(FunctionElement[Any]):
    """A condition that each database gets in the form that it is quick with.

    It is not said to be a boolean: SQLite, which has none, would be asked whether it is 1, and find nothing by an index any more.
    """

    inherit_cache = True


@compiles(_Among)
def _by_rows(element: _Among, compiler: SQLCompiler, **how: Any) -> str:
    return compiler.process(list(element.clauses)[0], **how)


@compiles(_Among, "postgresql")
def _by_array(element: _Among, compiler: SQLCompiler, **how: Any) -> str:
    return compiler.process(list(element.clauses)[1], **how)


def one_of(column: Any, numbers: Iterable[int]) -> ColumnElement[bool]:
    """Return that a column is one of some numbers, for thousands: to name each one costs more than to read its row."""
    line = bindparam(None, [int(n) for n in numbers], type_=_Numbers)
    return _Among(column.in_(select(func.json_each(line).table_valued("value").c.value)), column == any_(line))


def among_held(column: Any, reader: "Reader") -> ColumnElement[bool]:
    """Return the condition that a column is among the audiences that a reader holds a token of.

    SQLite finds them anew in each statement, in no time. PostgreSQL would think that each row costs as much as finding them all,
    and avoid the indexes: it is given them in an array, which is read once in each transaction.
    """
    found = bindparam(None, callable_=partial(_held_by, reader.tokens), type_=_Line)
    return _Among(behind(column).in_(_audiences(reader.tokens)), column == any_(found))


def _array(found: SelectBase) -> ColumnElement[Any]:
    """Return the numbers that a select finds as an array, which is found once for a statement."""
    return func.array(found.scalar_subquery(), type_=ARRAY(Integer))


def among_found(column: Any, found: SelectBase) -> ColumnElement[bool]:
    """Return the condition that a column is among the few numbers that a select finds: they come first, what has them after.

    SQLite does so of itself. PostgreSQL may think it shorter to walk through all that there is, unless it holds them in its hands.
    """
    return _Among(column.in_(found), column == any_(_array(found)))


def found_first(column: Any, found: SelectBase) -> ColumnElement[bool]:
    """Return a condition that holds anyway, for a column that is joined to what a select finds: PostgreSQL begins with that.

    Of some thousand rows that are joined to, it would walk through all that there is. SQLite looks them up of itself.
    """
    return _Among(true(), column == any_(_array(found)))


def looked_up(column: Any, found: SelectBase) -> ColumnElement[bool]:
    """Return a condition that holds anyway, for a column that is joined to what a select finds: SQLite looks it up by that.

    PostgreSQL chooses among the joins, and would only find the same twice.
    """
    return _Among(column.in_(found), true())


def among_most(column: Any, found: SelectBase, rest: SelectBase) -> ColumnElement[bool]:
    """Return the condition that a column is among the numbers that a select finds, which are nearly all; another finds the rest.

    SQLite looks up the numbers. PostgreSQL would begin with them, one after the other, and so walk through nearly all that there
    is: it is told to leave out the rest, which no index helps with.
    """
    return _Among(behind(column).in_(found), column != all_(_array(rest)))


def word(kind: type[StrEnum]) -> Enum:
    """Return a column type that stores the value of a StrEnum as text with a CHECK."""
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    return Enum(
        kind,
        name=snake,
        native_enum=False,
        create_constraint=True,
        length=40,
        values_callable=lambda e: [m.value for m in e],
    )


def new_ref() -> str:
    """Return a random name of 128 bits for addresses and exports, 22 characters: it says nothing of how many there are.

    None begins with a dash: in a spreadsheet that is a formula, on a command line an option.
    """
    while (ref := secrets.token_urlsafe(16)).startswith("-"):
        pass
    return ref


class Referable:
    """What has an address: an integer inside, a random `ref` outside."""

    id: Mapped[int] = mapped_column(primary_key=True)
    ref: Mapped[str] = mapped_column(String(22), unique=True, default=new_ref)


# --- who reads ---------------------------------------------------------------------------------------------------------


class Unscoped(RuntimeError):
    """Protected rows were asked for by a session that no reader is bound to, or past the rule of access."""


class Reader(Protocol):
    """Whoever reads: what the criteria of the protected tables are made from."""

    @property
    def level(self) -> int:
        """The highest level within reach."""

    @property
    def tokens(self) -> frozenset[str]:
        """The tokens held."""


Criterion = Callable[[Any], ColumnElement[bool]]
_protected: dict[type[Base], Criterion] = {}
_protected_names = re.compile(r"(?!)")
_SYSTEM_PURPOSES = {"detector", "check", "search index", "reorganisation", "handover"}
_system: ContextVar[str | None] = ContextVar("system_reader", default=None)


def protect(model: type[Base], criterion: Criterion, *also: str) -> None:
    """Let rows of a table (and of tables `also` named, which raw statements may not touch) be read through a criterion only."""
    global _protected_names  # noqa: PLW0603 - registration at import time
    _protected[model] = criterion
    _scope_of.cache_clear()
    names = {m.__tablename__ for m in _protected} | set(also) | _extra_names
    _extra_names.update(also)
    _protected_names = re.compile(r'(?:from|join|update|into)\s+"?(?:' + "|".join(sorted(names)) + r")\b", re.IGNORECASE)


_extra_names: set[str] = set()


def bind_reader(session: Session | scoped_session[Session], reader: Reader | None) -> None:
    """Bind a session to a reader: from here on it sees what the reader may see. Nothing seen by another remains in it."""
    target = session() if isinstance(session, scoped_session) else session
    if target.info.get("reader") != reader:
        target.expunge_all()
    target.info["reader"] = reader


def bound_reader(session: Session | scoped_session[Session]) -> Reader | None:
    """Return whom a session is bound to, or None."""
    reader: Reader | None = _plain(session).info.get("reader")
    return reader


@contextmanager
def read_as_system(session: Session, purpose: str) -> Iterator[Connection]:
    """Yield the session's own connection for statements that see every row; only for the purposes that are listed.

    Gives rows, never mapped objects, so that nothing of it stays in the reader's session. Raises Unscoped on an unlisted purpose.
    """
    if purpose not in _SYSTEM_PURPOSES:
        raise Unscoped(purpose)
    session.flush()
    mark = _system.set(purpose)
    try:
        yield session.connection()
    finally:
        _system.reset(mark)


Finder = Callable[[Iterable[str]], Select[int]]
_audiences: Finder
_held: ContextVar[tuple[frozenset[str], str] | None] = ContextVar("audiences_held", default=None)
AUDIENCES = "audience_token"  # the table; in a connection's notes, how often it was written to


def found_by(finder: Finder) -> None:
    """Say how the audiences are found that some tokens belong to."""
    global _audiences  # noqa: PLW0603 - registration at import time
    _audiences = finder


def _held_by(tokens: frozenset[str]) -> str:
    """Return the audiences of the reader who is asking; raises Unscoped if they are somebody else's."""
    held = _held.get()
    if held is None or held[0] != tokens:
        raise Unscoped("a statement asks for a reader to whom its session is not bound")
    return held[1]


def _look_up_held(session: Session, reader: Reader) -> None:
    """Read the audiences of a reader once in each transaction, and again after a change of any, for the statement that follows."""
    if session.get_bind().dialect.name != "postgresql":
        return
    connection = session.connection()
    at = session.get_transaction(), connection.info.get(AUDIENCES, 0), reader.tokens
    known = session.info.get(AUDIENCES)
    if known is None or known[0] != at:
        known = session.info[AUDIENCES] = at, _line(connection.scalars(_audiences(reader.tokens)))
    _held.set((reader.tokens, known[1]))


def _scope(state: ORMExecuteState) -> None:
    reader = state.session.info.get("reader")
    if reader is None or not state.is_orm_statement:
        return
    _look_up_held(state.session, reader)
    state.update_execution_options(scope="reader")
    if state.is_column_load or state.is_insert:
        return
    scope = _scope_of(reader)
    if scope not in state.statement._with_options:  # what a relationship loads has it from the statement before
        state.statement = state.statement.options(scope)


@lru_cache(maxsize=256)
def _scope_of(reader: Reader) -> "_Scope":
    """Return the criteria of all protected tables for a reader; the expressions are costly to build, and the same each time."""
    return _Scope([_Criterion(m, c(reader), include_aliases=True) for m, c in _protected.items()])


class _Scope(CriteriaOption):
    """The criteria of a reader as one option, whose part in the key of a statement's cache is worked out once.

    The key says of what form the criteria are, and brings their values along: statements of all readers are compiled once.
    """

    inherit_cache = None
    propagate_to_loaders = True
    _forms: ClassVar[dict[Any, int]] = {}
    _numbers: ClassVar[Iterator[int]] = count()

    def __init__(self, criteria: Iterable["_Criterion"]) -> None:
        self.criteria = tuple(criteria)
        self.values: list[BindParameter[Any]] = []
        seen = anon_map()
        form = tuple(c._gen_cache_key(seen, self.values) for c in self.criteria)
        self.form = self._forms.setdefault(form, next(self._numbers))

    def _gen_cache_key(self, anon_map: Any, bindparams: list[BindParameter[Any]]) -> tuple[Any, ...]:
        bindparams.extend(self.values)
        return _Scope, self.form

    def process_compile_state(self, compile_state: Any) -> None:
        self.get_global_criteria(compile_state.global_attributes)

    def process_compile_state_replaced_entities(self, compile_state: Any, mapper_entities: Any) -> None:
        self.process_compile_state(compile_state)

    def get_global_criteria(self, attributes: dict[Any, Any]) -> None:
        for criterion in self.criteria:
            criterion.get_global_criteria(attributes)


class _Criterion(LoaderCriteriaOption):
    """A criterion that holds for an alias too, wherever it is joined: as it comes, an expression stays with the table itself."""

    _cache_key_traversal = LoaderCriteriaOption._traverse_internals

    def _resolve_where_criteria(self, ext_info: Any) -> ColumnElement[bool]:
        criterion: ColumnElement[bool] = super()._resolve_where_criteria(ext_info)
        return ext_info._adapter.traverse(criterion) if ext_info.is_aliased_class else criterion


def _guard(connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
    if AUDIENCES in statement and not statement.startswith("SELECT"):
        connection.info[AUDIENCES] = connection.info.get(AUDIENCES, 0) + 1
    if context is None or _system.get() is not None or not _protected_names.search(statement):
        return
    if statement.startswith(("INSERT", "UPDATE", "DELETE")) and "RETURNING" not in statement:
        return
    if statement.startswith("INSERT") or context.execution_options.get("scope") == "reader" or context.isddl:
        return
    if connection.get_execution_options().get("migration"):
        return
    raise Unscoped("a statement on protected tables came past the rule of access")


# --- engine and session ------------------------------------------------------------------------------------------------


PLANNED = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "lock_timeout": 10_000,
        "statement_timeout": 60_000,
        # many people ask little each: starting helpers and compiling plans would cost more than what is asked, and what is
        # read lies in memory, where one place is as near as the next
        "max_parallel_workers_per_gather": 0,
        "jit": "off",
        "random_page_cost": 1.1,
        # most of what is joined is what a row is shown with: to try all orders of ten tables takes longer than to read them
        "join_collapse_limit": 5,
        "plan_cache_mode": "force_custom_plan",  # what a reader may see tells which way is short
    }.items()
)
STATEMENTS = 2000  # that are kept compiled: all pages together ask more than the 500 that SQLAlchemy keeps


def make_engine(url: str, *, pool_size: int = 8, pooled: bool = True) -> Engine:
    """Return an engine for SQLite (one file, write-ahead log, full sync) or PostgreSQL."""
    pool: dict[str, Any] = {"pool_size": pool_size, "max_overflow": 4} if pooled else {"poolclass": NullPool}
    if url.startswith("postgresql"):
        pool |= {"pool_pre_ping": True, "connect_args": {"options": PLANNED}}
    address = url.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(address, hide_parameters=True, query_cache_size=STATEMENTS, **pool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _tune_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "before_cursor_execute", _guard)
    return engine


MAPPED = "mmap_size=268435456"  # bytes of the file that are read where they lie: a third less work on a register of some size


def _tune_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # the driver's own transactions lose updates: we say BEGIN ourselves
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000", "temp_store=MEMORY", MAPPED):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get("begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")


class Database:
    """The engine and the session of this process; `session` is one per thread and is let go at the end of a request."""

    engine: Engine

    def __init__(self) -> None:
        self._make: sessionmaker[Session] = sessionmaker(expire_on_commit=False, autoflush=True)
        self.session: scoped_session[Session] = scoped_session(self._make)

    def start(self, url: str, *, pool_size: int = 8) -> None:
        """Open the database at an address."""
        self.engine = make_engine(url, pool_size=pool_size)
        self._make.configure(bind=self.engine)

    @contextmanager
    def aside(self) -> Iterator[Session]:
        """Yield a session beside the thread's own, for a note that is not to end what is being read there."""
        with self._make() as session:
            yield session

    def stop(self) -> None:
        """Close all connections."""
        self.session.remove()
        self.engine.dispose()


db = Database()
event.listen(Session, "do_orm_execute", _scope)


# --- the one commit ----------------------------------------------------------------------------------------------------


class Unconnected(RuntimeError):
    """A change was tried before create_app() connected what has to follow it."""


class Unrecorded(RuntimeError):
    """A change of the register came without its history."""


@dataclass
class Change:
    """What is known of the change under way: which things were touched, at what moment, under which number."""

    touched: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    at: datetime | None = None
    number: int | None = None
    recorded: bool = False
    altered: bool = False


_before: Callable[[Session], None] | None = None
_after: Callable[[Session, Change], None] | None = None


def connect(*, before: Callable[[Session], None], after: Callable[[Session, Change], None]) -> None:
    """Say what comes first in every change (taking its place in the sequence) and what follows it before the commit."""
    global _before, _after  # noqa: PLW0603 - one process, one register
    _before, _after = before, after


def change_of(session: Session) -> Change:
    """Return the change under way; raises Unconnected outside of `transaction`."""
    change: Change | None = session.info.get("change")
    if change is None:
        raise Unconnected("this needs a transaction")
    return change


def touch(session: Session, kind: str, *ids: int) -> None:
    """Mark things that were changed, so that what depends on them is brought up to date before the commit."""
    change_of(session).touched[kind].update(ids)


def _plain(session: Session | scoped_session[Session]) -> Session:
    return session() if isinstance(session, scoped_session) else session


def _begin_write(session: Session) -> None:
    if session.in_transaction():
        session.commit()  # ends the reading; SQLite cannot turn a reader into a writer safely
    session.connection(execution_options={"begin": "IMMEDIATE"})


def begin_reading(session: Session | scoped_session[Session]) -> None:
    """Begin a reading that sees one moment however long it takes, on both databases; a rollback ends it."""
    session = _plain(session)
    session.rollback()
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


@contextmanager
def transaction(session: Session | scoped_session[Session]) -> Iterator[Session]:
    """Run one change of the register: first its place in the sequence, then the change, then what follows, then the commit.

    Raises Busy if the database stays locked; any error rolls everything back.
    """
    if _before is None or _after is None:
        raise Unconnected("create_app() connects the changes to what follows them")
    session = _plain(session)
    if "change" in session.info:
        raise Unconnected("a change is under way already")
    change = session.info["change"] = Change()
    try:
        _begin_write(session)
        _before(session)
        session.info.pop(AUDIENCES, None)  # who waited for its turn sees what came meanwhile; from here on nothing does
        yield session
        session.flush()
        _after(session, change)
        session.flush()
        if change.altered and not change.recorded:
            raise Unrecorded
        session.commit()
    except OperationalError as error:
        session.rollback()
        raise _told(error) from error
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info.pop("change", None)


@contextmanager
def bookkeeping(session: Session | scoped_session[Session]) -> Iterator[Session]:
    """Run and commit the product's own notes (sessions, tries, deliveries): no number, no history, nothing follows."""
    session = _plain(session)
    if "change" in session.info:
        raise Unconnected("a change is under way already")
    try:
        _begin_write(session)
        yield session
        session.flush()
        session.commit()
    except OperationalError as error:
        session.rollback()
        raise _told(error) from error
    except BaseException:
        session.rollback()
        raise


def _told(error: OperationalError) -> Exception:
    said = str(error.orig).lower()
    if any(
        w in said
        for w in (
            "locked",
            "lock timeout",
            "deadlock",
            "disk is full",
            "disk i/o",
            "could not connect",
            "server closed",
        )
    ):
        return Busy()
    return error


def _note_altered(session: Session, context: Any, instances: Any) -> None:
    change: Change | None = session.info.get("change")
    if change is None:
        return
    objects = (
        *session.new,
        *session.deleted,
        *(o for o in session.dirty if session.is_modified(o, include_collections=False)),
    )
    change.altered |= any(not o.bookkeeping for o in objects)


event.listen(Session, "before_flush", _note_altered)
