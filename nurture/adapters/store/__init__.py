"""The database: tables, units of work, repositories, migrations."""
