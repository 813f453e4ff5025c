"""The command line, a module a subject: everything an operator does besides the pages.

Heavy modules are imported inside the commands, so that `helpdesk --help` answers at once.
"""
