"""The only SQL: connection, schema and migrations, one verb per function, Rows made values here."""
