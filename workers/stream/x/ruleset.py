"""Brings our rules into force at X: by difference, asked for first, never an empty set."""

from collections.abc import Callable, Sequence

from config.brands import Brand
from workers.runtime.logging import get_logger
from workers.stream.x.rules import compile_rules, difference, tagged_brand
from workers.x.api import NO_SUCH_RULE, Rule, XApi
from workers.x.failure import CallFailed, Failure

_log = get_logger(__name__)


class Ruleset:
    """The rules of the brands now in force. `most`: what the plan allows."""

    def __init__(self, api: XApi, brands: Callable[[], Sequence[Brand]], most: int) -> None:
        self._api, self._brands, self._most = api, brands, most
        self._in_force: Sequence[Brand] | None = None
        self.rules: list[Rule] = []
        """Ours, as last compiled: what a search asks for."""

    @property
    def stale(self) -> bool:
        """Whether X has others than the brands ask for, or may have."""
        return self._in_force is not self._brands()

    @property
    def has_any_in_force(self) -> bool:
        """Whether X has taken rules of ours, of these brands or of those before."""
        return self._in_force is not None

    def distrust(self) -> None:
        """X says that something is wrong with the rules: bring them into force anew."""
        self._in_force = None

    def for_search(self, *, words_alone: bool = False) -> list[Rule]:
        """The rules as queries of recent search: nothing is pushed to X."""
        self.rules = compile_rules(self._brands(), words_alone=words_alone)
        return self.rules

    async def bring_into_force(self) -> None:
        """Raises CallFailed: refused where X won't take them, which leaves the ones that it has."""
        brands = self._brands()
        wanted = compile_rules(brands)
        if not wanted:
            raise CallFailed(Failure("refused", "no brand gives a rule, and an empty set of rules is never pushed"))
        try:
            await self._push(wanted)
        except CallFailed as error:
            plain = compile_rules(brands, words_alone=True)
            if plain == wanted or not error.failure.detail.startswith((NO_SUCH_RULE, "HTTP 400")):
                raise
            _log.error("rules_refused", reason=error.failure.detail, remedy="tried again without `to:` and `url:`")
            await self._push(plain)
        self._in_force = brands

    async def _push(self, wanted: list[Rule]) -> None:
        have = await self._api.rules()
        change = difference(have, wanted, self._most)
        foreign = sum(tagged_brand(rule.tag) is None for rule in have)
        if len(wanted) + foreign > self._most:
            raise CallFailed(
                Failure(
                    "refused",
                    f"the brands need {len(wanted)} rules, {foreign} others are at X, and the plan has {self._most} "
                    "(x.rules): shorten `brands.yaml`, or delete the others",
                )
            )
        room = self._most - len(have)  # X counts what it is only asked for too
        for start in range(0, len(change.add), room) if room > 0 else ():
            await self._api.add_rules(change.add[start : start + room], dry_run=True)
        await self._api.delete_rules(change.first_delete)
        await self._api.add_rules(change.add, dry_run=False)
        await self._api.delete_rules(change.delete)
        self.rules = wanted
        if foreign:
            _log.warning("foreign_rules_found", rules=foreign, remedy="they are not ours, and X bills what they match")
        _log.info(
            "rules_in_force",
            rules=len(wanted),
            added=len(change.add),
            deleted=len(change.first_delete) + len(change.delete),
        )
