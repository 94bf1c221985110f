"""The script that Alembic runs for every migration command: it applies the migrations.

`configuration` in `cc_bridge/storage/migrate.py` gives it the connection to the database, or only the
database's URL if the migrations are to be written as SQL.
"""

from alembic import context
from sqlalchemy import URL, Connection

import cc_bridge.storage.migrations.resumption  # noqa: F401  # registers its classes in Alembic
from cc_bridge.storage.migrate import VERSION_TABLE
from cc_bridge.storage.schema.tables import metadata

connection: Connection | None = context.config.attributes["connection"]
url: URL | None = context.config.attributes["url"]

context.configure(
    connection=connection,
    url=url,
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    literal_binds=context.is_offline_mode(),
    render_as_batch=True,  # SQLite cannot alter a column; a batch copies the table there
    user_module_prefix="column_types.",
)
with context.begin_transaction():
    context.run_migrations()
