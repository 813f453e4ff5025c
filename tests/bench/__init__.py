"""The benchmark: `make bench`, or `python -m tests.bench --only ring`.

Every figure is taken together with its floor: the least that any program doing this job on this machine must spend,
measured in the same minutes. A number of milliseconds says how busy the machine was; the ratio says how good we are.
"""
