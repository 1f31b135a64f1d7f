"""ASAP files in: read → validate → normalise → load → answer.

read.py        bytes -> header and segments; the terminator comes from TH09
layout.py      mappings/asap/<version>.toml, compiled
structure.py   the order of segments and their counts; a fault here refuses the whole file
validate.py    one record: its elements by the table, and what no table can say
values.py      what a valid segment means
decide.py      new, revise, void against what is stored: the table of cases, pure
parties.py     which dispenser and which prescriber
load.py        one file into the store, in one transaction
report.py      the answer
cycles.py      how often Python looks for garbage meanwhile
run.py         the door: `ingest_file`
"""
