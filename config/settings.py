"""Django's settings, read from the environment (and from the local stack's `env` file where there is one)."""

import os
from datetime import timedelta
from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from config.home import CHECKOUT, home, load_environment

HOME = home()
load_environment(HOME / "env")


def _flag(name: str) -> bool:
    return os.environ.get(name, "").lower() in {"1", "true", "yes", "on"}


def _secret_key() -> str:
    """The installation's key: `ROADSTEAD_SECRET_KEY`, or the content of the file `ROADSTEAD_SECRET_KEY_FILE`."""
    if key := os.environ.get("ROADSTEAD_SECRET_KEY"):
        return key
    if path := os.environ.get("ROADSTEAD_SECRET_KEY_FILE"):
        return Path(path).read_text(encoding="utf-8").strip()
    raise ImproperlyConfigured(
        "No secret key: start the stack with `make run`, or set ROADSTEAD_SECRET_KEY or ROADSTEAD_SECRET_KEY_FILE."
    )


BASE_DIR = CHECKOUT
SECRET_KEY = _secret_key()
DEBUG = _flag("ROADSTEAD_DEBUG")

# The challenge names the realm by the request's own host, so any host that reaches us is ours unless the
# administrator narrows it. nginx sets X-Forwarded-Proto itself, from a trusted balancer's or its own scheme.
ALLOWED_HOSTS = os.environ.get("ROADSTEAD_ALLOWED_HOSTS", "*").split(",")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# The certificate of the authority behind ours, for clients to fetch: /api/v2.0/systeminfo/getcert.
CA_CERT = Path(os.environ["ROADSTEAD_CA_CERT"]) if os.environ.get("ROADSTEAD_CA_CERT") else None

INSTALLED_APPS = [
    "rbac",  # before Django's own app, whose commands would set passwords by no rule and without a record
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.postgres",
    "config.static.StaticFiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "audit",
    "configuration",
    "projects",
    "artifacts",
    "tokens",
    "replication",
    "proxy",
    "api",
    "portal",
    "config",
]
MIDDLEWARE = [
    "django.middleware.common.CommonMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

# PostgreSQL is the one database. One connection per single-threaded worker, kept for good; statements are bound
# and prepared by the server, which is what makes the hot reads one cheap round trip.
DATABASES = {
    "default": dj_database_url.config(
        env="DATABASE_URL", default="postgresql:///roadstead", conn_max_age=None, conn_health_checks=False
    )
}
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["OPTIONS"].update(
    {
        "server_side_binding": True,
        "prepare_threshold": 1,
        "connect_timeout": 2,
        "tcp_user_timeout": 5000,
        "options": "-c statement_timeout=30000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=60000",
    }
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
REDIS_TIMEOUT = 0.25  # seconds; Redis is an accelerator here, never worth a wait

AUTH_USER_MODEL = "rbac.User"
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "api.openapi.Document",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Roadstead",
    "DESCRIPTION": "The REST API v2.0: Harbor's paths, fields and status codes. What this document doesn't list is "
    "answered 501. Slashes in a repository's name are encoded twice: a/b is a%252Fb.",
    "VERSION": "2.0",
    "OAS_VERSION": "3.0.3",
    "SERVERS": [{"url": "/api/v2.0"}],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "basic": {"type": "http", "scheme": "basic"},
            "bearer": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": "sid"},
        }
    },
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [],
}

PASSWORD_HASHERS = ["rbac.passwords.PasswordHasher"]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ja", "日本語"), ("zh-hans", "简体中文")]  # each in its own words
LANGUAGE_COOKIE_NAME = "language"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = Path(os.environ.get("ROADSTEAD_STATIC", HOME / "static"))  # collected there for nginx
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "config.packages.PackageFinder",  # what npm has installed
]
STORAGES = {"staticfiles": {"BACKEND": "config.static.HashedFiles"}}

# The upstream registry, and the blob store behind it: the same variables that Distribution itself reads.
REGISTRY_URL = os.environ.get("REGISTRY_URL", "http://127.0.0.1:5000")
REGISTRY_HTTP_SECRET = os.environ.get("REGISTRY_HTTP_SECRET", "")  # takes up broken uploads; see artifacts.uploads
REGISTRY_STORAGE = {
    name.removeprefix("REGISTRY_STORAGE_"): value
    for name, value in os.environ.items()
    if name.startswith("REGISTRY_STORAGE_")
}

# The token service. Names as Harbor's, whose clients may have them written down.
TOKEN_SERVICE = "harbor-registry"  # noqa: S105
TOKEN_ISSUER = "harbor-token-issuer"  # noqa: S105
REFRESH_TOKEN_LIFETIME = timedelta(days=90)
CREDENTIAL_MEMORY = timedelta(seconds=60)

MANIFEST_LIMIT = 4 * 1024 * 1024  # bytes
DATA_UPLOAD_MAX_MEMORY_SIZE = MANIFEST_LIMIT + 1024 * 1024

# Pulls are written here first and carried into PostgreSQL in batches.
AUDIT_SPOOL = Path(os.environ.get("ROADSTEAD_SPOOL", HOME / "spool"))
AUDIT_RETENTION_MONTHS = int(os.environ.get("ROADSTEAD_AUDIT_RETENTION_MONTHS", "0"))  # 0: keep for ever

# Endpoints whose replication goes through a queue of its own, `replication.<name>`: a worker near that site serves it.
SITE_QUEUES = frozenset(filter(None, os.environ.get("ROADSTEAD_SITE_QUEUES", "").split(",")))
# How long what is replicated waits for a site that is away.
REPLICATION_PATIENCE = timedelta(minutes=int(os.environ.get("ROADSTEAD_REPLICATION_PATIENCE_MINUTES", "60")))
REPLICATION_HISTORY = timedelta(days=int(os.environ.get("ROADSTEAD_REPLICATION_HISTORY_DAYS", "90")))  # 0: for ever

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", REDIS_URL)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    # Every refusal is an answer, not news: without this each 401 of the token dance would be a line.
    # Nor is a Host header that is none, for which Django would write a traceback each time.
    "loggers": {"django.request": {"level": "ERROR"}, "django.security.DisallowedHost": {"level": "CRITICAL"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("ROADSTEAD_LOG_LEVEL", "INFO")},
}
