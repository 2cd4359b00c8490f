"""Codex CLI. Facts in here were measured on 0.169.0 unless another version is named.

Commands of hcom inside its sandbox: sqlite works where HCOM_DIR is a writable root; sockets are
refused there (EPERM), FIFOs are not, so doorbells ring; with the read-only sandbox nothing of
HCOM_DIR can be written, and only what the rules file lets out of the sandbox works.
"""
