"""What every table is made with: names of constraints, instants, and the metadata itself."""

from datetime import UTC, datetime

from sqlalchemy import Column, DateTime, Dialect, ForeignKey, Integer, MetaData, TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An instant in UTC. SQLite forgets the zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs its offset")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def written_by(table: str) -> tuple[Column[int], Column[int]]:
    """Who wrote a row: the system that called and the person who acted, as numbers of `agent`."""
    caller, actor = (
        Column(name, Integer, ForeignKey("agent.agent_id", name=f"fk_{table}_agent_{name}"), nullable=False)
        for name in ("caller", "actor")
    )
    return caller, actor


def one_of(column: str, numbers: list[int]) -> str:
    return f"{column} IN ({', '.join(str(number) for number in sorted(numbers))})"
