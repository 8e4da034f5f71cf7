"""What an operator does with accounts."""

import csv
from datetime import timedelta
from pathlib import Path

import click
from flask import render_template
from flask.cli import AppGroup, with_appcontext

from coordinator import mail
from coordinator.clock import now
from coordinator.db import bookkeeping, db, transaction
from coordinator.errors import Refused
from coordinator.extensions import settings
from coordinator.fields import address_like, tidy
from coordinator.jobs import every_minute
from coordinator.pages import LEVELS, address, log
from coordinator.people import actions, queries
from coordinator.people.models import Circle, Person, Role
from coordinator.people.rules import OrganisationDraft, PersonDraft


@with_appcontext
@click.pass_context
def where_to_go(context: click.Context) -> None:
    """Say where to go, if no command is named."""
    if context.invoked_subcommand is not None:
        return
    if queries.is_empty(db.session()):
        click.echo("The register is empty. Begin it with the first person, who then sets up the rest in the browser:")
        click.echo('  coordinator people begin you@ministry.example --name "Your Name" --ministry "Ministry of Foreign Affairs"')
    else:
        click.echo(f"Accounts are kept on {address('people.people')}, and a new register is set up on {address('setup.index')}.")
        click.echo("Whoever has no password yet gets a link by `coordinator people link ADDRESS`.")
    click.echo("`coordinator people --help` lists the commands.")


group = AppGroup(
    "people",
    callback=where_to_go,
    invoke_without_command=True,
    help="Begin an empty register; invite, import and disable persons.",
)

COLUMNS = ("name", "email", "unit", "roles", "clearance")


@group.command()
@click.argument("email")
@click.option("--name", required=True, help="Whoever sets up the rest.")
@click.option("--ministry", required=True, help="The full name of the ministry.")
@click.option("--short", "short_name", default="MFA", show_default=True, help="Its short name.")
@click.option("--unit", "unit_name", default="Front Office", show_default=True, help="The unit of the first person.")
@click.option("--unit-short", default="FO", show_default=True)
def begin(email: str, name: str, ministry: str, short_name: str, unit_name: str, unit_short: str) -> None:
    """Begin an empty register: the ministry, a first unit, and a first person, who is administrator and coordinator.

    Prints a one-time link that sets a password; from there on the pages lead through the rest.
    """
    row = {"name": name, "email": email, "unit": "", "roles": "administrator coordinator", "clearance": "2"}
    try:
        with transaction(db.session) as written:
            person = actions.begin(
                written,
                OrganisationDraft(tidy(ministry), tidy(short_name), Circle.MINISTRY, len(LEVELS) - 1),
                unit=(tidy(unit_name), tidy(unit_short)),
                person=_draft_of(row, unit_id=0),
                at=now(),
            )
    except (ValueError, Refused) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{ministry} is there, and {person.name} in it. Open this link, set a password, and go on in the browser:")
    click.echo(_one_time_link(person))


@group.command()
@click.argument("email")
def link(email: str) -> None:
    """Print a one-time link that sets a password; earlier links of the person end."""
    person = _known(email)
    if not person.is_active:
        raise click.ClickException(f"{email} is disabled.")
    click.echo(_one_time_link(person))


@group.command()
@click.argument("email")
@click.option("--name", required=True)
@click.option("--unit", "unit_name", required=True, help="Short or full name of the unit.")
@click.option("--role", "roles", multiple=True, type=click.Choice([r.value for r in Role]), help="May be given several times.")
@click.option("--clearance", type=click.IntRange(0, 2), default=1, show_default=True)
def invite(email: str, name: str, unit_name: str, roles: tuple[str, ...], clearance: int) -> None:
    """Add a person (or find the one with this address) and print a one-time link that sets a password."""
    row = {"name": name, "email": email, "unit": unit_name, "roles": " ".join(roles), "clearance": str(clearance)}
    try:
        _bring(row)
    except (ValueError, Refused) as error:
        raise click.ClickException(str(error)) from None
    click.echo(_one_time_link(_known(email)))


@group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what is wrong with the rows, and change nothing.")
def import_(file: Path, dry_run: bool) -> None:
    """Add or update persons from a CSV file with the columns name, email, unit, roles, clearance.

    Roles are words separated by spaces; clearance is a number or a level's name. A bad row is named by its line and skipped,
    the others come in; run again, nothing changes twice.
    """
    good = bad = 0
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        missing = [c for c in COLUMNS if c not in (rows.fieldnames or ())]
        if missing:
            raise click.ClickException(f"The first line has to name the columns; missing: {', '.join(missing)}.")
        for row in rows:
            try:
                _bring({c: row.get(c) or "" for c in COLUMNS}, dry_run=dry_run)
                good += 1
            except (ValueError, Refused) as error:
                bad += 1
                click.echo(f"line {rows.line_num}: {error}", err=True)
    click.echo(f"{good} good, {bad} bad, {good + bad} rows" + (" (dry run)" if dry_run else ""))
    if bad:
        raise SystemExit(1)


@group.command()
@click.argument("email")
def disable(email: str) -> None:
    """Shut a person out at once."""
    _known(email)
    with transaction(db.session) as written:
        person = queries.person_by_email(written, email)
        if person is not None:
            actions.disable(written, person, by=None, at=now())
    click.echo("disabled")


@every_minute("links")
def send_links() -> int:
    """Mail the one-time links that were asked for, and return how many; what the relay does not take is due again.

    The secret is made here, so that it is in one mail and nowhere else. A mail without an answer is not sent twice: whoever
    waits for it asks again.
    """
    sent = 0
    for link, email in queries.links_to_mail(db.session(), at=now()):
        with bookkeeping(db.session) as written:
            secret = actions.take_letter(written, link)
        if secret is None:
            continue
        words = {"link": address("people.set_password", secret=secret), "hours": settings().link_hours}
        try:
            message = mail.letter(
                settings(),
                to=email,
                subject=render_template("people/link/subject.txt", **words).strip(),
                text=render_template("people/link/body.txt", **words),
            )
            mail.send(settings(), message)
            sent += 1
        except ValueError:
            log.error("link not mailed", error="no address")
        except mail.Unanswered:
            log.error("link not answered for")
        except mail.NotTaken as error:
            log.warning("link not taken", reached=error.reached)
            with bookkeeping(db.session) as written:
                actions.put_letter_back(written, link, at=now())
    return sent


def _one_time_link(person: Person) -> str:
    with bookkeeping(db.session) as written:
        secret = actions.make_link(written, person.id, at=now(), lasts=timedelta(hours=settings().link_hours))
    return address("people.set_password", secret=secret)


def _bring(row: dict[str, str], *, dry_run: bool = False) -> None:
    """Add or update one person; raises ValueError with a sentence on a bad row."""
    draft = _draft(row)
    if dry_run:
        return
    with transaction(db.session) as written:
        person = queries.person_by_email(written, draft.email)
        if person is None:
            actions.add_person(written, draft, by=None, at=now())
        else:
            kept = frozenset(m.group_id for m in person.memberships)
            wanted = PersonDraft(**{**vars(draft), "time_zone": person.time_zone, "group_ids": kept})
            actions.revise_person(written, person, wanted, by=None, at=now())


def _draft(row: dict[str, str]) -> PersonDraft:
    unit = queries.unit_by_name(db.session(), row["unit"])
    if unit is None:
        raise ValueError(f"there is no unit {row['unit']!r}, or more than one")
    return _draft_of(row, unit_id=unit.id)


def _draft_of(row: dict[str, str], *, unit_id: int) -> PersonDraft:
    name, email = tidy(row["name"]), tidy(row["email"])
    if not 0 < len(name) <= 120:
        raise ValueError("a name of 1 to 120 characters is needed")
    if not address_like(email) or len(email) > 254:
        raise ValueError(f"{email!r} is no e-mail address")
    try:
        roles = frozenset(Role(word) for word in row["roles"].replace(",", " ").replace(";", " ").split())
    except ValueError as error:
        raise ValueError(f"{error}; roles are {', '.join(Role)}") from None
    return PersonDraft(
        name=name, email=email, unit_id=unit_id, roles=roles, clearance=_level(row["clearance"]), time_zone=settings().time_zone
    )


def _level(said: str) -> int:
    said = said.strip().upper()
    for number, word in enumerate(LEVELS):
        if said in {str(number), word}:
            return number
    raise ValueError(f"{said!r} is no clearance: 0, 1, 2 or {', '.join(LEVELS)}")


def _known(email: str) -> Person:
    person = queries.person_by_email(db.session(), email)
    if person is None:
        raise click.ClickException(f"Nobody has the address {email}.")
    return person
