"""The rules of the bus: addresses, messages, status, names, filters, rendering.

Pure: no I/O, no clock, no environment. Values a hook process loads are collections.namedtuple, not
typing.NamedTuple: importing typing takes a fifth of the time that a delivering hook has.
"""
