"""One hierarchy of errors, by what the caller must do about them."""


class HikeshiError(Exception):
    """Base of all errors of ours. Its text is for a person: what is wrong, and the remedy."""


class ConfigurationError(HikeshiError):
    """The user must mend something: files, names, secrets, a port or folder in use. Exit status 2."""


class RefusedError(HikeshiError):
    """X refuses us: the token, the plan or the rules must be mended. Exit status 3, before the first connection."""


class UnavailableError(HikeshiError):
    """A dependency is away or slow: wait and try again. Never a reason to skip anything."""


class ContestedError(UnavailableError):
    """Others wanted the same rows in another order, and it was we who were given up: nothing was done, begin anew."""


class RejectedError(HikeshiError):
    """This one message or record can't be processed, ever: put it aside as a dead letter and go on."""


class FencedError(HikeshiError):
    """Another owner has gone on from here: drop what is in flight and read the truth again."""


class StopError(HikeshiError):
    """Going on would lose or skip something: stop loudly. Exit status 1 of `run`; a worker stays up, not ready."""


class NewerSchemaError(HikeshiError):
    """Written by a newer major version than this program knows: wait loudly for the upgrade, put nothing aside."""
