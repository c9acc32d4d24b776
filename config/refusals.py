"""What a validator raises: a fault and its remedy, without the value's place, which the reader of the file knows."""

from pydantic_core import PydanticCustomError

REFUSAL = "hikeshi_refusal"


def refusal(fault: str, remedy: str) -> PydanticCustomError:
    """The error by which a validator of ours refuses a value; neither text may hold a secret."""
    return PydanticCustomError(REFUSAL, "{fault}; {remedy}", {"fault": fault, "remedy": remedy})
