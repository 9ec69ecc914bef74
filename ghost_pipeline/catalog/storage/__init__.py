"""The database and the archive: engine, tables, rows, migrations, raw bytes."""
