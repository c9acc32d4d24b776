"""Everything that the simulator does wrong on command: each fault with what one use of it touches, and a sentence."""

from enum import Enum, StrEnum


class Scope(StrEnum):
    """What one use of a fault touches."""

    ANSWER = "answer"
    """One request: it gets this answer in place of its own."""
    CONNECTION = "connection"
    """One connection of the stream, from now until it ends."""
    LINE = "line"
    """One post on its way down the stream."""
    MESSAGE = "message"
    """The stream as it stands: something is sent at once, or as the first thing on the next connection."""


class Fault(Enum):
    """What can go wrong. The value is the name in `/_control/faults`."""

    def __init__(self, label: str, scope: Scope, sentence: str) -> None:
        self.label = label
        self.scope = scope
        self.sentence = sentence

    CLOSE_AT_ONCE = "close-at-once", Scope.ANSWER, "The stream answers 200 and ends before a single byte."
    UNAUTHORIZED = "unauthorized", Scope.ANSWER, "401: the token is refused."
    FORBIDDEN = "forbidden", Scope.ANSWER, "403: the account's plan does not include this endpoint."
    CONFLICT = "conflict", Scope.ANSWER, "409: the stream has no rules, whatever it has."
    RATE_LIMITED = "rate-limited", Scope.ANSWER, "429 with x-rate-limit-reset, at the end of the running window."
    RATE_LIMITED_NO_RESET = "rate-limited-no-reset", Scope.ANSWER, "429 without any rate limit header."
    RATE_LIMITED_PAST_RESET = "rate-limited-past-reset", Scope.ANSWER, "429 whose reset time has passed already."
    TOO_MANY_CONNECTIONS = "too-many-connections", Scope.ANSWER, "429: another connection is said to be open."
    USAGE_CAP = "usage-cap", Scope.ANSWER, "429 UsageCapExceeded: the month's posts are used up."
    CREDITS_DEPLETED = "credits-depleted", Scope.ANSWER, "402 CreditsDepleted: the balance is at or below zero."
    HTML_503 = "html-503", Scope.ANSWER, "503 with a page of HTML where JSON is expected."
    HANG = "hang", Scope.ANSWER, "The request is taken and never answered."
    DROP = "drop", Scope.ANSWER, "The connection is reset before an answer."

    STALL = "stall", Scope.CONNECTION, "The stream stays open and sends nothing more, not even heartbeats."
    HEARTBEATS_ONLY = "heartbeats-only", Scope.CONNECTION, "Heartbeats flow and no post does."
    HALF_VOLUME = "half-volume", Scope.CONNECTION, "Every second post is left out while heartbeats flow."
    SLOW_TRICKLE = "slow-trickle", Scope.CONNECTION, "Lines come in pieces of a few bytes, a pause after each."
    GHOST = "ghost", Scope.CONNECTION, "The connection goes on counting after its end, until X is told to clear it."

    CUT_MID_LINE = "cut-mid-line", Scope.LINE, "The connection breaks in the middle of a post's line."
    SPLIT_UTF8 = "split-utf8", Scope.LINE, "A line comes in chunks that end inside a character."
    HUGE_LINE = "huge-line", Scope.LINE, "A post's line is 700 KB long, and valid."
    NO_TAG = "no-tag", Scope.LINE, "The matching rules of a post have no tag."
    DATA_WITH_ERRORS = "data-with-errors", Scope.LINE, "A post comes together with errors about what it refers to."
    DUPLICATE = "duplicate", Scope.LINE, "A post is sent twice."
    OUT_OF_ORDER = "out-of-order", Scope.LINE, "A post is held back and sent after the next one."
    EDITED = "edited", Scope.LINE, "A post is edited as soon as it is sent: a second revision follows under a new id."
    DELETED = "deleted", Scope.LINE, "A post is deleted by its author as soon as it is sent."

    CLOSE = "close", Scope.MESSAGE, "The stream ends in good order."
    BAD_JSON = "bad-json", Scope.MESSAGE, "A line is not JSON."
    UNKNOWN_MESSAGE = "unknown-message", Scope.MESSAGE, "A line is a message of a type that nobody knows."
    OPERATIONAL_DISCONNECT = "OperationalDisconnect", Scope.MESSAGE, "X says that it disconnects, and does."
    UPSTREAM_DISCONNECT = "UpstreamOperationalDisconnect", Scope.MESSAGE, "The same, for a reason inside X."
    FORCE_DISCONNECT = "ForceDisconnect", Scope.MESSAGE, "The same: somebody cleared the connections."
    SLOW_READER = "SlowReader", Scope.MESSAGE, "The same: the client is said to read too slowly."
    INTERNAL_ERROR = "InternalError", Scope.MESSAGE, "The same: an error of X's own."
    STATE_DEGRADED = "ClientApplicationStateDegraded", Scope.MESSAGE, "The same: the app lost a right it had."
    INVALID_RULES = "InvalidRules", Scope.MESSAGE, "The same: the rules are said to be invalid."
    ISSUE_TOO_MANY_CONNECTIONS = "issue-TooManyConnections", Scope.MESSAGE, "A connection issue ends the stream."
    ISSUE_PROVISIONING = "issue-ProvisioningSubscription", Scope.MESSAGE, "The same: the plan is being set up."
    ISSUE_RULE_CONFIGURATION = "issue-RuleConfigurationIssue", Scope.MESSAGE, "The same: there are no rules."
    ISSUE_RULES_INVALID = "issue-RulesInvalidIssue", Scope.MESSAGE, "The same: the rules are invalid."

    @classmethod
    def named(cls, label: str) -> "Fault":
        """The fault of this name. Raises KeyError."""
        return _BY_LABEL[label]


_BY_LABEL = {fault.label: fault for fault in Fault}
