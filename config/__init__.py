"""How the pieces are put together: settings, URLs, WSGI, Celery and the clock."""
