"""X's error bodies, with their status."""

from typing import Any, Final, NamedTuple

_TYPE: Final = "https://api.x.com/2/problems/"


class Problem(NamedTuple):
    """An error as X answers it."""

    status: int
    body: dict[str, Any]


def problem(status: int, kind: str, title: str, detail: str, **more: Any) -> Problem:
    """An error of one of X's types."""
    return Problem(status, {"title": title, "detail": detail, "type": _TYPE + kind, **more})


def plain(status: int, title: str) -> Problem:
    """An error that has nothing but its status."""
    return Problem(status, {"title": title, "detail": title, "type": "about:blank", "status": status})


def invalid(parameter: str, message: str, value: str = "") -> Problem:
    """400 that names the parameter."""
    return problem(
        400,
        "invalid-request",
        "Invalid Request",
        "One or more parameters to your request was invalid.",
        errors=[{"parameters": {parameter: [value]}, "message": message}],
    )


def not_found(parameter: str, post_id: str) -> dict[str, Any]:
    """An entry of `errors` for a post that is gone or never was."""
    return {
        "value": post_id,
        "resource_id": post_id,
        "resource_type": "tweet",
        "parameter": parameter,
        "title": "Not Found Error",
        "detail": f"Could not find tweet with {parameter}: [{post_id}].",
        "type": _TYPE + "resource-not-found",
    }


def not_shown(parameter: str, post_id: str) -> dict[str, Any]:
    """An entry of `errors` for a post that is there but not for us: its author protects it."""
    return not_found(parameter, post_id) | {
        "title": "Authorization Error",
        "detail": f"Sorry, you are not authorized to see the Tweet with {parameter}: [{post_id}].",
        "type": _TYPE + "not-authorized-for-resource",
    }


UNAUTHORIZED: Final = plain(401, "Unauthorized")
TOO_MANY_REQUESTS: Final = plain(429, "Too Many Requests")
FORBIDDEN: Final = problem(
    403,
    "client-forbidden",
    "Client Forbidden",
    "Your account's access does not include this endpoint.",
    reason="client-not-enrolled",
    required_enrollment="Appropriate Level of API Access",
)
USAGE_CAPPED: Final = problem(
    429,
    "usage-capped",
    "UsageCapExceeded",
    "Usage cap exceeded: Monthly product cap",
    period="Monthly",
    scope="Product",
    product_name="pay-per-use",
)
CREDITS_DEPLETED: Final = problem(
    402, "credits", "CreditsDepleted", "Your account does not have any credits to fulfill this request."
)


def connection_issue(status: int, issue: str, detail: str) -> Problem:
    """What keeps a stream from being opened, or ends it."""
    return problem(status, "streaming-connection", "ConnectionException", detail, connection_issue=issue)


TOO_MANY_CONNECTIONS: Final = connection_issue(
    429, "TooManyConnections", "This stream is currently at the maximum allowed connection limit."
)
NO_RULES: Final = connection_issue(
    409, "RuleConfigurationIssue", "You must define rules for your stream before connecting."
)


def disconnect(kind: str) -> dict[str, Any]:
    """The last message of a stream that X ends."""
    return {
        "title": "operational-disconnect",
        "disconnect_type": kind,
        "detail": f"This stream has been disconnected: {kind}.",
        "type": _TYPE + "operational-disconnect",
    }


def rule_error(kind: str, title: str, value: str, **more: Any) -> dict[str, Any]:
    """An entry of `errors` for a rule that was not added."""
    return {"value": value, "title": title, "type": _TYPE + kind, **more}
