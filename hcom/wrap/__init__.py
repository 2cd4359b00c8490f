"""A client under our pty or fed by lines: what `hcom claude` runs."""
