"""The adapter of the stand-in, for a copy of hcom/ in which docs/adding-a-tool.md puts it under
adapters/: only there do its imports lead anywhere."""
