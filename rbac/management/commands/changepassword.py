"""`manage.py changepassword`: Django's name for `resetpassword`, under our rules and with a record."""

from rbac.management.commands import resetpassword


class Command(resetpassword.Command):
    help = "The same as resetpassword."
