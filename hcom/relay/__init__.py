"""Agents of several machines in one room: the wire's rules, and the server that carries it."""
