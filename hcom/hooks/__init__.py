"""The hook process: read the payload, route it, write the reply. It must never harm its host."""
