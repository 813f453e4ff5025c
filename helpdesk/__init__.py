"""The verbs: everything the desk decides and does. Read `helpdesk/intake.py` first."""
