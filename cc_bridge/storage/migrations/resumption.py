"""The repetition of an interrupted migration on MariaDB and MySQL.

These servers commit each change of a table separately. After a kill, a part of a migration is done, but the
schema version is still the old one. The migration then runs again from its start. A statement whose change is
already there fails; this module ignores exactly that failure. PostgreSQL and SQLite roll an interrupted
migration back.
"""

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic.ddl.base import AlterColumn, RenameTable
from alembic.ddl.mysql import MariaDBImpl, MySQLImpl
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ResumableMariaDb", "ResumableMySql"]

# Error numbers of the server: the table, the column or the index exists; there is nothing to drop.
_IS_DONE = frozenset({1050, 1060, 1061, 1091})
# Error numbers of the server: there is no such column, no such table.
_IS_RENAMED = frozenset({1054, 1146})


class _Resumable:
    """The execution of a migration's statements; a statement whose change is already there is skipped."""

    def _exec(self, construct: Any, *given: Any, **options: Any) -> Any:
        execute: Callable[..., Any] = super()._exec  # type: ignore[misc]  # of alembic's DefaultImpl
        try:
            return execute(construct, *given, **options)
        except DBAPIError as error:
            number = error.orig.args[0] if error.orig is not None and error.orig.args else None
            connection: sa.Connection = self.connection  # type: ignore[attr-defined]
            if number in _IS_DONE or (number in _IS_RENAMED and _has_new_name(connection, construct)):
                return None
            raise


def _has_new_name(connection: sa.Connection, construct: Any) -> bool:
    """Return whether a statement renames a table or a column that has the new name already."""
    there = sa.inspect(connection)
    if isinstance(construct, RenameTable):
        return there.has_table(construct.new_table_name)
    if isinstance(construct, AlterColumn):
        new_name = getattr(construct, "newname", None)
        return new_name in {column["name"] for column in there.get_columns(construct.table_name)}
    return False


class ResumableMySql(_Resumable, MySQLImpl):
    """Alembic's statements for a URL such as mysql+pymysql://. Its definition registers it in Alembic."""

    __dialect__ = "mysql"


class ResumableMariaDb(_Resumable, MariaDBImpl):
    """Alembic's statements for a URL such as mariadb+pymysql://. Its definition registers it in Alembic."""

    __dialect__ = "mariadb"
