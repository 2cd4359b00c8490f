"""The terminal front: a child on a pty, what its screen shows, and bytes both ways.

Knows no agents and no store; what to type and when is decided by the policy handed in.
"""
