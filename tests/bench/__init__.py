"""Performance beside its yardsticks, in one run on one machine: `make bench`.

Only ratios within one run mean anything: the machine is whatever it is, and its neighbours too.
"""
