"""The WSGI application that granian serves."""

import atexit
import os

from django.core.wsgi import get_wsgi_application

from db.patience import limit_waiting

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

limit_waiting()
application = get_wsgi_application()

from artifacts import processes  # noqa: E402 - once Django is set up

atexit.register(processes.begin(processes.WEB))
