"""The dashboard: a person watches and steers the agents of one bus on one screen."""
