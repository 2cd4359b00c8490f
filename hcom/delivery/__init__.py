"""Getting an agent to look at its mail: marks for the launcher, doorbells, and how clients wake."""
