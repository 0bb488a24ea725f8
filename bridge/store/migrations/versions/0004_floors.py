"""Floors: from where on its stream's window tells what of a straggler is done with."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("nhn_receiver", sa.Column("floor", sa.BigInteger))
