"""The one retry policy: how long to wait before the next attempt."""


def backoff_seconds(attempt: int, *, base: float, cap: float, jitter: float) -> float:
    """Seconds to wait after failed attempt number `attempt` (the first is 0).

    The wait doubles from `base` up to `cap`. Its second half is scaled by `jitter`, a random number in 0…1 drawn by
    the caller, so that many who lost the same server don't come back at the same moment.
    """
    # 2**60 seconds is beyond any cap; without this limit a float overflows after a week of attempts.
    full: float = min(cap, base * 2.0 ** min(attempt, 60))
    return full / 2 + full / 2 * jitter
