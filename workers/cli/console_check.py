"""What `hikeshi check` says of the console and of ops: pure, from the settings and the policy."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from config.routes import Policy
from config.settings import ConsoleSettings

_SHORT_SECRET: Final = 16  # ours, in characters: a link is enough to try secrets at, as fast as a machine can


def console_lines(console: ConsoleSettings, policy: Policy | None) -> Iterator[str]:
    """A line each: what is well, and warnings."""
    here = f"{console.host}:{console.port}"
    if console.public_url is None:
        yield f"ok: console: at {here}; notifications hold no links (console.public_url is unset)"
    else:
        yield f"ok: console: at {here}; links in notifications lead to {console.public_url}"
        parts = urlsplit(console.public_url)
        if parts.scheme == "http" and not _is_here(parts.hostname or ""):
            yield "warning: console.public_url: is plain http, so whoever is on the way can act; put TLS before it"
    if console.secret is not None and len(console.secret.get_secret_value()) < _SHORT_SECRET:
        yield "warning: console.secret: is short, so whoever has a link can guess it; leave it out: the store makes one"
    if policy is not None and policy.ops:
        yield f"ok: ops: {', '.join(policy.ops)}"
    elif policy is not None:
        yield (
            "warning: routes.yaml: nobody is told when Hikeshi itself is in trouble, only the log says it; add "
            "`ops: {receivers: […]}`"
        )


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
