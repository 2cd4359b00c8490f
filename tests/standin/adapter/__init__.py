"""The stand-in client of tests/standin: docs/adding-a-tool.md adds it as an example of a tool."""
