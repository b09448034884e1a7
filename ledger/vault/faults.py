"""What is wrong with a key, or with what was sealed."""


class KeyringError(Exception):
    """A key is missing or malformed, or a sealed value does not open. Never holds a key or a plain text."""


class KeyExposedError(KeyringError):
    """A key file that others may read. It may be the right one: no other is needed."""


class KeyMissingError(KeyringError):
    """A sealed value names a key that this process does not have: it began before the key was there."""


class KeyErasedError(KeyringError):
    """What was sealed for a person whose key was erased: nobody opens it again, with whatever keys."""
