"""Who is who, decided by a person: persons merged and split, doubtful links settled, each action undone.

authenticate.py   whether a steward is who they say
work.py           what every action is made of: rows that follow a description, persons rendered anew
actions.py        merge, split, reject, undo; each one transaction with its audit rows
view.py           what a steward is shown: a person, the queue

Commands and a worked case: gateway/match/STEWARDSHIP.md.
"""
