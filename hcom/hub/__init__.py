"""The use cases, one transaction each: join, leave, send, claim, confirm, report, subscribe.

They change the store and nothing else; ringing and waking are done by the caller after the commit.
"""
