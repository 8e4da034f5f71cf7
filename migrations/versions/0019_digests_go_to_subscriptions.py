"""Digests go to subscriptions: of a person, of a unit's mailbox, of leadership."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0019"
down_revision: str | None = "0018"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

STATES = ("queued", "claimed", "data", "sent", "nothing", "uncertain", "failed")
DIGESTS = "ref, period_on, state, message_id, due_at, lease_until, worker, tries, after_number, up_to_number, sent_at, trouble"


def upgrade() -> None:
    op.create_table(
        "subscription",
        sa.Column(
            "edition",
            sa.Enum("person", "mailbox", "brief", name="edition", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("address", sa.String(length=254), nullable=True),
        sa.Column("time_zone", sa.String(length=60), nullable=True),
        sa.Column(
            "cadence",
            sa.Enum("off", "daily", "chosen", "weekly", name="cadence", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("weekdays", sa.Integer(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("told_number", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=22), nullable=False),
        sa.CheckConstraint("hour BETWEEN 0 AND 23", name=op.f("ck_subscription_hour_is_an_hour")),
        sa.CheckConstraint("weekdays BETWEEN 1 AND 127", name=op.f("ck_subscription_weekdays_are_of_a_week")),
        sa.CheckConstraint("(unit_id IS NULL) <> (person_id IS NULL)", name=op.f("ck_subscription_goes_to_one")),
        sa.CheckConstraint(
            "(edition = 'mailbox') = (unit_id IS NOT NULL AND address IS NOT NULL AND time_zone IS NOT NULL)",
            name=op.f("ck_subscription_a_mailbox_is_a_unit_s"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_subscription_person_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_subscription_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
        sa.UniqueConstraint("person_id", "edition", name=op.f("uq_subscription_person_id_edition")),
        sa.UniqueConstraint("unit_id", name=op.f("uq_subscription_unit_id")),
        sa.UniqueConstraint("ref", name=op.f("uq_subscription_ref")),
    )
    # it keeps the person's ref, so that a mail sent before still stops it; a week began on Monday
    op.execute(
        "INSERT INTO subscription (edition, person_id, cadence, weekdays, hour, told_number, ref) "
        "SELECT 'person', s.person_id, s.cadence, CASE s.cadence WHEN 'weekly' THEN 1 ELSE 127 END, s.hour, s.told_number, p.ref "
        "FROM digest_subscription s JOIN person p ON p.id = s.person_id"
    )
    # a digest that somebody was promised before they had chosen anything
    op.execute(
        "INSERT INTO subscription (edition, person_id, cadence, weekdays, hour, told_number, ref) "
        "SELECT 'person', p.id, 'daily', 127, 7, 0, p.ref FROM person p "
        "WHERE p.id IN (SELECT person_id FROM digest) AND p.id NOT IN (SELECT person_id FROM digest_subscription)"
    )
    op.drop_table("digest_subscription")
    _make_digests(
        sa.Column("subscription_id", sa.Integer(), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["subscription_id"], ["subscription.id"], name=op.f("fk_digest_subscription_id")),
        sa.UniqueConstraint("subscription_id", "period_on", name=op.f("uq_digest_subscription_id_period_on")),
    )
    op.execute(
        f"INSERT INTO digest (subscription_id, tried_at, {DIGESTS}) "
        f"SELECT s.id, o.sent_at, {', '.join(f'o.{c}' for c in DIGESTS.split(', '))} "
        "FROM digest_before o JOIN subscription s ON s.person_id = o.person_id ORDER BY o.id"
    )
    op.drop_table("digest_before")
    op.create_index("ix_digest_period_on_state", "digest", ["period_on", "state"], unique=False)
    op.create_index("ix_digest_tried_at", "digest", ["tried_at"], unique=False)


def downgrade() -> None:
    op.create_table(
        "digest_subscription",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column(
            "cadence",
            sa.Enum("off", "daily", "weekly", name="cadence", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("told_number", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("hour BETWEEN 0 AND 23", name=op.f("ck_digest_subscription_hour_is_an_hour")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_digest_subscription_person_id")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_digest_subscription")),
    )
    op.execute(
        "INSERT INTO digest_subscription (person_id, cadence, hour, told_number) "
        "SELECT person_id, CASE cadence WHEN 'chosen' THEN 'daily' ELSE cadence END, hour, told_number "
        "FROM subscription WHERE edition = 'person'"
    )
    _make_digests(
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column(
            "cadence",
            sa.Enum("off", "daily", "weekly", name="cadence", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_digest_person_id")),
        sa.UniqueConstraint("person_id", "period_on", name=op.f("uq_digest_person_id_period_on")),
    )
    op.execute(
        f"INSERT INTO digest (person_id, cadence, {DIGESTS}) "
        "SELECT s.person_id, CASE s.cadence WHEN 'chosen' THEN 'daily' ELSE s.cadence END, "
        f"{', '.join(f'o.{c}' for c in DIGESTS.split(', '))} "
        "FROM digest_before o JOIN subscription s ON s.id = o.subscription_id WHERE s.edition = 'person' ORDER BY o.id"
    )
    op.drop_table("digest_before")
    op.drop_table("subscription")


def _make_digests(*own: sa.schema.SchemaItem) -> None:
    """Make the table anew; what was in it is in digest_before from here on."""
    op.execute("CREATE TABLE digest_before AS SELECT * FROM digest")
    op.drop_table("digest")
    op.create_table(
        "digest",
        sa.Column("period_on", sa.Date(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(*STATES, name="digest_state", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("message_id", sa.String(length=200), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worker", sa.String(length=80), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("after_number", sa.BigInteger(), nullable=True),
        sa.Column("up_to_number", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.String(length=300), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=22), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digest")),
        sa.UniqueConstraint("ref", name=op.f("uq_digest_ref")),
        *own,
    )
    op.create_index("ix_digest_state_due_at", "digest", ["state", "due_at"], unique=False)
