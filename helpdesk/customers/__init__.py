"""Everything known about whom we serve: records, the numbers and addresses that identify them, and how a call or mail
finds its customer. Read `matching.py` first."""
