"""The end-to-end rig: real client programs, model servers on loopback, one sealed world per test."""
