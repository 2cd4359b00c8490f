"""A stand-in for an AI client, and what hcom has to know of it: tests and shows run on it, no hook
of a real client loads anything here.
"""
