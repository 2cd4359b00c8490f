"""The end-to-end rig: real clients, model servers on loopback, one sealed world per test."""
