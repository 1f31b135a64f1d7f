"""Is this the same person? Normalised facts, a pure rule, and the two users of it: ingest and look-ups.

normalise.py  text as reported -> keys that may be compared
resolve.py    the rule, pure: descriptions and a question in, a decision out
assign.py     ingest: which person a new description joins
lookup.py     queries: which person a requester means
"""
