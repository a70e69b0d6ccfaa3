"""The WSGI application that granian serves."""

import os

from django.core.wsgi import get_wsgi_application

from db.patience import limit_waiting

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

limit_waiting()
application = get_wsgi_application()
