"""Getting an agent to look at its mail: marks for the launcher, doorbells, the gate for typing."""
