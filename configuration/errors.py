"""What can go wrong with configuration items. The words are for the one who asked, and never hold a secret.

ConfigurationError
├── UnknownItem
├── InvalidValue   the item can't hold this, or not beside what the others hold
└── ItemFrozen     the environment says what it is
"""


class ConfigurationError(Exception):
    """The base of them all."""


class UnknownItem(ConfigurationError):
    pass


class InvalidValue(ConfigurationError):
    pass


class ItemFrozen(ConfigurationError):
    pass
