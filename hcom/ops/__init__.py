"""What an agent, a person or a program can do: each use case with what follows its commit.

Returns values and prints nothing; the fronts (cli, hooks, wrap) parse, call and show.
"""
