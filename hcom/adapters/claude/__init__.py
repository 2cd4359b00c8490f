"""Claude Code. What is said of it was measured on 2.1.197 and 2.1.330."""
