"""A synthetic Kentucky: invented people, prescribers and dispensers, written as ASAP 4.2B files.

Owns nothing of the running gateway and is imported by the command line alone. Everything is a function of
(seed, day): the same arguments give the same bytes, and a larger population begins with the smaller one.
"""
