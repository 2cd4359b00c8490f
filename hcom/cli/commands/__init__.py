"""One file per command; each declares a COMMAND."""
