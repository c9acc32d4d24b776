"""Posts that nobody wrote: the same texts by the same people for the same seed, about whatever the rules ask for."""

import math
import random
from collections import deque
from collections.abc import Sequence
from typing import Final

from workers.simulator.post import Post, User
from workers.simulator.query import literals
from workers.simulator.world import World

DEFAULT_WORDS: Final = ("Acme", "アクメ")
_PEOPLE: Final = 400
_REMEMBERED: Final = 200  # posts that others pass on, quote or answer
_JAPANESE: Final = (
    "{word}のアプリ、更新してから起動しない。サポートも返事なし。最悪",
    "{word} 注文した商品が届かない。もう一週間待ってる",
    "{word}の充電器が熱くなって煙が出た。怖すぎる、二度と買わない",
    "{word}のサポート、対応が早くて助かった。ありがとう",
    "{word}の新作、思ったより良い。買って正解",
    "{word}って返品できますか？ 箱は捨てちゃったんだけど",
    "{word}のキャンペーン、明日までだって",
    "また{word}障害？ ログインできないんだが",
    "{word}🔥🔥🔥",
    "{word}に電話したら30分待たされて切られた。どうなってるの {word}",
)
_ENGLISH: Final = (
    "{word} app crashes since the update and support ignores me. Awful.",
    "My {word} order never arrived. One week and no answer, I want a refund",
    "The {word} charger got hot and started to smoke. Never again.",
    "Shout-out to {word} support, sorted my problem within minutes. Thank you!",
    "Bought the new {word} thing and it is actually great",
    "Can I return something to {word} without the box?",
    "{word} sale ends tomorrow",
    "{word} down again? Can't log in",
    "{word} lol",
    "@friend have you seen what {word} did now",
)
_STRANGE: Final = ("今日の昼はラーメンにした", "What a beautiful morning", "猫が膝から降りない", "gm")
_ANSWERS: Final = (
    "うちも同じ。{word}ひどい",
    "Same here with {word}",
    "{word}に聞いてみたら？",
    "@somebody did {word} answer you?",
)
_MORE: Final = "\nそれで、続きがあるんだけど、長くなるので順番に書きます。" * 12


class Inventor:
    """Makes one post at a time; most match a rule, some don't."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = random.Random(world.options.seed)  # noqa: S311  posts must repeat, not be secret
        self._people = [_person(number, self._random) for number in range(_PEOPLE)]
        for person in self._people:
            world.introduce(person)
        self._recent: deque[Post] = deque(maxlen=_REMEMBERED)

    def words(self) -> Sequence[str]:
        """What to write about: the words chosen, else those of the rules."""
        if self._world.options.words:
            return self._world.options.words
        wanted = (word for rule in self._world.rules.all() for word in literals(rule.node))
        return tuple(dict.fromkeys(wanted)) or DEFAULT_WORDS

    def post(self) -> Post:
        """Somebody posts something now."""
        random_, world = self._random, self._world
        word = random_.choice(self.words())
        person = random_.choice(self._people).username
        dice = random_.random()
        earlier = random_.choice(self._recent) if self._recent else None
        if earlier is not None and dice < 0.08:
            return world.say("", username=person, retweet_of=earlier)
        if earlier is not None and dice < 0.20:
            text, lang = _written(random_.choice(_ANSWERS), word)
            if dice < 0.12:
                return world.say(text, username=person, lang=lang, quote_of=earlier)
            return world.say(text, username=person, lang=lang, reply_to=earlier)
        if dice > 0.95:
            text, lang = _written(random_.choice(_STRANGE), word)
            return world.say(text, username=person, lang=lang)
        text, lang = _written(random_.choice(_JAPANESE if random_.random() < 0.5 else _ENGLISH), word)
        if dice > 0.93:
            text += _MORE
        post = world.say(text, username=person, lang=lang)
        self._recent.append(post)
        return post


def _written(text: str, word: str) -> tuple[str, str]:
    """The text and the language that X sees in it: short ones defeat it."""
    lang = "en" if text.isascii() else "ja"
    if len(text) < 12:
        lang = "und" if lang == "en" else "qst"
    return text.replace("{word}", word), lang


def _person(number: int, random_: random.Random) -> User:
    followers = int(math.exp(random_.gauss(5.0, 2.0)))
    name = random_.choice(("さくら", "Taro", "みなと", "Alex", "ゆい", "Sam", "ハル", "Robin")) + str(number)
    return User(
        id=str(1_000_000 + number),
        username=f"person_{number}",
        name=name,
        followers=followers,
        following=random_.randrange(10, 900),
        posts=random_.randrange(50, 50_000),
        verified=followers > 20_000,
        verified_type="business" if followers > 100_000 else "blue" if followers > 20_000 else "none",
    )
