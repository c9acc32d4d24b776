"""The simulator's own endpoints under `/_control`: order faults, write posts, see what happened. With curl, by hand."""

from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web

from workers.simulator.archive import Removal
from workers.simulator.faults import Fault
from workers.simulator.limits import ENDPOINTS
from workers.simulator.options import MOST_A_SECOND
from workers.simulator.post import Post
from workers.simulator.world import World

_HELP = """Order a fault:    curl -X POST {base}/_control/faults -d '{{"fault": "stall"}}'
                  also "times": 3 (null: until cleared), "seconds": 30, "on": ["search"]
All faults:       curl {base}/_control/faults
Behave again:     curl -X DELETE {base}/_control/faults
Somebody posts:   curl {base}/_control/posts -d '{{"text": "Acme is down", "username": "kim", "followers": 90000}}'
                  also "lang", "retweet_of", "quote_of", "reply_to" (ids)
Edit a post:      curl -X PUT {base}/_control/posts/ID -d '{{"text": "Acme is up again"}}'
Remove a post:    curl -X DELETE '{base}/_control/posts/ID?reason=deleted'      or suspended, protected, withheld
Change a choice:  curl -X PATCH {base}/_control/options -d '{{"second": "close-first", "spelling": "post", "pace": 5}}'
What happened:    curl {base}/_control/state
What was owed:    curl {base}/_control/posts      one JSON line a post: rules that matched it, how often it was sent
"""


_Pace = Annotated[float, msgspec.Meta(ge=0, le=MOST_A_SECOND)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]


class _Order(msgspec.Struct, forbid_unknown_fields=True):
    fault: str
    times: int | None = 1
    seconds: float | None = None
    on: tuple[str, ...] = ("stream",)


class _Post(msgspec.Struct, forbid_unknown_fields=True):
    text: str = ""
    username: str = "somebody"
    followers: int | None = None
    lang: str | None = None
    retweet_of: str | None = None
    quote_of: str | None = None
    reply_to: str | None = None


class _Edit(msgspec.Struct, forbid_unknown_fields=True):
    text: str


class _Change(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    second: Literal["refuse", "close-first"] | msgspec.UnsetType = msgspec.UNSET
    spelling: Literal["tweet", "post", "both"] | msgspec.UnsetType = msgspec.UNSET
    strict_fields: bool | msgspec.UnsetType = msgspec.UNSET
    pace: _Pace | msgspec.UnsetType = msgspec.UNSET
    streaming: bool | msgspec.UnsetType = msgspec.UNSET
    numbers_as_text: bool | msgspec.UnsetType = msgspec.UNSET
    rule_seconds: _Seconds | msgspec.UnsetType = msgspec.UNSET
    delivery_seconds: _Seconds | msgspec.UnsetType = msgspec.UNSET
    words: list[str] | msgspec.UnsetType = msgspec.UNSET


class _WrongError(Exception):
    """The request makes no sense; the text says why."""


def routes(world: World) -> list[web.RouteDef]:
    """The endpoints of this file."""
    control = _Control(world)
    return [
        web.get("/_control", control.help),
        web.get("/_control/faults", control.faults),
        web.post("/_control/faults", control.order),
        web.delete("/_control/faults", control.clear),
        web.get("/_control/posts", control.posts),
        web.post("/_control/posts", control.say),
        web.put("/_control/posts/{id}", control.edit),
        web.delete("/_control/posts/{id}", control.remove),
        web.patch("/_control/options", control.change),
        web.get("/_control/state", control.state),
    ]


@web.middleware
async def explain(request: web.Request, handler: Any) -> web.StreamResponse:
    """What a person did wrong at `/_control`, as a sentence."""
    try:
        response: web.StreamResponse = await handler(request)
    except _WrongError as error:
        return web.json_response({"error": str(error)}, status=400)
    except msgspec.DecodeError as error:
        if not request.path.startswith("/_control"):
            raise
        return web.json_response({"error": f"the body is not valid: {error}"}, status=400)
    return response


class _Control:
    def __init__(self, world: World) -> None:
        self._world = world

    async def help(self, request: web.Request) -> web.Response:
        return web.Response(text=_HELP.format(base=request.url.origin()))

    async def faults(self, _: web.Request) -> web.Response:
        known = {fault.label: f"{fault.sentence} (each use: one {fault.scope})" for fault in Fault}
        return web.json_response({"ordered": self._world.plan.pending(), "faults": known, "endpoints": ENDPOINTS})

    async def order(self, request: web.Request) -> web.Response:
        order = msgspec.json.decode(await request.read(), type=_Order)
        if unknown := set(order.on) - set(ENDPOINTS):
            raise _WrongError(f"no endpoint {', '.join(sorted(unknown))}; there are {', '.join(ENDPOINTS)}")
        fault = _fault(order.fault)
        self._world.order(fault, times=order.times, seconds=order.seconds, on=order.on)
        return web.json_response({"ordered": fault.label, "sentence": fault.sentence}, status=201)

    async def clear(self, request: web.Request) -> web.Response:
        name = request.query.get("fault")
        self._world.clear(None if name is None else _fault(name))
        return web.json_response({"ordered": self._world.plan.pending()})

    async def posts(self, _: web.Request) -> web.Response:
        world = self._world
        lines = (
            {
                "id": str(post.id),
                "identity": str(post.original_id),
                "text": post.text,
                "rules": world.matched[post.id],
                "sent": world.sent[post.id],
                "removed": post.id in world.archive.removed,
            }
            for post in world.offered
        )
        return web.Response(body=b"".join(msgspec.json.encode(line) + b"\n" for line in lines))

    async def say(self, request: web.Request) -> web.Response:
        wanted = msgspec.json.decode(await request.read(), type=_Post)
        retweet_of = self._known(wanted.retweet_of)
        if not wanted.text and retweet_of is None:
            raise _WrongError("a post that is no retweet needs a `text`")
        post = self._world.say(
            wanted.text,
            username=wanted.username,
            followers=wanted.followers,
            lang=wanted.lang,
            retweet_of=retweet_of,
            quote_of=self._known(wanted.quote_of),
            reply_to=self._known(wanted.reply_to),
        )
        return self._told(post)

    async def edit(self, request: web.Request) -> web.Response:
        wanted = msgspec.json.decode(await request.read(), type=_Edit)
        post = self._known(request.match_info["id"])
        if post is None:
            raise _WrongError("which post?")
        return self._told(self._world.edit(post, wanted.text))

    async def remove(self, request: web.Request) -> web.Response:
        reasons: dict[str, Removal] = {"deleted": "deleted", "suspended": "suspended", "protected": "protected"}
        name = request.query.get("reason", "deleted")
        post = self._known(request.match_info["id"])
        if post is None or (name not in reasons and name != "withheld"):
            raise _WrongError(f"`reason` is one of {', '.join(reasons)}, withheld")
        if name == "withheld":
            self._world.withhold(post.id, "XX")
        else:
            self._world.remove(post.id, reasons[name])
        return web.json_response({"id": request.match_info["id"], "reason": name})

    async def change(self, request: web.Request) -> web.Response:
        change = msgspec.json.decode(await request.read(), type=_Change)
        for name, value in msgspec.structs.asdict(change).items():
            if value is not msgspec.UNSET:
                setattr(self._world.options, name, tuple(value) if isinstance(value, list) else value)
        return web.json_response(msgspec.to_builtins(self._world.options) | {"token": "…"})

    async def state(self, _: web.Request) -> web.Response:
        world = self._world
        requests: dict[str, dict[str, int]] = {}
        for request in world.requests:
            counts = requests.setdefault(request.endpoint, {})
            counts[str(request.status)] = counts.get(str(request.status), 0) + 1
        owed = world.owed()
        return web.json_response(
            {
                "connections": len(world.connections),
                "ghosts": len(world.ghosts),
                "rules": [rule.shown() for rule in world.rules.all()],
                "posts": {
                    "written": len(world.offered),
                    "matched": len(owed),
                    "sent": sum(1 for post in owed if world.sent[post.id]),
                },
                "used": world.meter.used,
                "requests": requests,
                "faults": world.plan.pending(),
            }
        )

    def _known(self, post_id: str | None) -> Post | None:
        if post_id is None:
            return None
        post = self._world.archive.get(int(post_id)) if post_id.isdigit() else None
        if post is None:
            raise _WrongError(f"there is no post {post_id}")
        return post

    def _told(self, post: Post) -> web.Response:
        rules = self._world.matched[post.id]
        return web.json_response({"id": str(post.id), "identity": str(post.original_id), "rules": rules}, status=201)


def _fault(name: str) -> Fault:
    try:
        return Fault.named(name)
    except KeyError:
        raise _WrongError(f"no fault `{name}`; there are {', '.join(fault.label for fault in Fault)}") from None
