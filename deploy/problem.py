"""What stops a start: one line saying what is wrong and what to do about it."""


class Problem(Exception):
    """Printed as it is, without a traceback; the command then ends with status 1."""
