"""A post as a source gave it: what matching needs is read at once, the rest when the post is ours."""

from typing import Any

from schemas.mention import Author
from workers.x import fields

# X renames its fields (August 2026): REST says `post`, the streams still `tweet`. The first that is there counts.
_REFERENCES = ("referenced_tweets", "referenced_posts")
_EDIT_HISTORY = ("edit_history_tweet_ids", "edit_history_post_ids")
_NOTE = ("note_tweet", "note_post")
_POST_COUNT = ("tweet_count", "post_count")
_INCLUDED_POSTS = ("tweets", "posts")
_KINDS_OF_REFERENCE = {
    "retweeted": "retweeted",
    "reposted": "retweeted",
    "quoted": "quoted",
    "replied_to": "replied_to",
}

Fields = dict[str, Any]


def _either(source: Fields, names: tuple[str, str]) -> Any:
    value = source.get(names[0])
    return source.get(names[1]) if value is None else value


class Context:
    """The `includes` of a line: users and posts that its posts refer to, by id. Read only when asked for."""

    __slots__ = ("_includes", "_posts", "_users")

    def __init__(self, includes: Fields) -> None:
        self._includes = includes
        self._users: dict[str, Fields] | None = None
        self._posts: dict[str, Fields] | None = None

    def user(self, user_id: Any) -> Fields | None:
        """The included user of this id."""
        if self._users is None:
            self._users = _by_id(self._includes.get("users"))
        known = fields.identifier(user_id)
        return self._users.get(known) if known else None

    def post(self, post_id: str) -> Fields | None:
        """The included post of this id."""
        if self._posts is None:
            self._posts = _by_id(_either(self._includes, _INCLUDED_POSTS))
        return self._posts.get(post_id)


def _by_id(items: Any) -> dict[str, Fields]:
    return {known: item for item in fields.mappings(items) if (known := fields.identifier(item.get("id")))}


class Post:
    """One post. `id` is its identity, the first id of its edit list; `revision` the place of its own id there.

    `text` is the full text, of the included original where the post is a retweet; `body` the object that this text
    stands in, whose entities therefore belong to it.
    """

    __slots__ = ("body", "context", "edit_ids", "fields", "id", "own_id", "references", "revision", "text")

    def __init__(self, own_id: str, own_text: str, source: Fields, context: Context) -> None:
        self.own_id = own_id
        self.fields = source
        self.context = context
        self.edit_ids = edit_history(source)
        if own_id in self.edit_ids:
            self.id, self.revision = self.edit_ids[0], self.edit_ids.index(own_id)
        else:
            self.id, self.revision = own_id, 0
        self.references = references(source)
        self.body, self.text = self._body(own_text)

    def _body(self, own_text: str) -> tuple[Fields, str]:
        if "retweeted" in self.references:
            original = self.referenced("retweeted")
            original_text = full_text(original) if original else None
            if original and original_text is not None:
                return original, original_text
        return self.fields, _note_text(self.fields) or own_text

    @property
    def lang(self) -> str | None:
        """The language that the source names."""
        return fields.text(self.fields.get("lang")) or None

    @property
    def created_at(self) -> str | None:
        """When it was written, if the source says so readably."""
        return fields.moment(self.fields.get("created_at"))

    def reference_id(self, kind: str) -> str | None:
        """The id of the post that this one retweeted, quoted or replied_to."""
        reference = self.references.get(kind)
        return fields.identifier(reference.get("id")) if reference else None

    def referenced(self, kind: str) -> Fields | None:
        """The post referred to, if the line holds it: in its includes or, flattened, inside the reference."""
        reference = self.references.get(kind)
        if reference is None:
            return None
        known = fields.identifier(reference.get("id"))
        return (self.context.post(known) if known else None) or (reference if "text" in reference else None)

    def author_of(self, source: Fields) -> Fields:
        """The user that wrote this post or a referenced one: inside (flattened) or among the included users."""
        inside = source.get("author")
        return inside if isinstance(inside, dict) else self.context.user(source.get("author_id")) or {}

    @property
    def replied_to_username(self) -> str | None:
        """The account that this post answers, if the line names it."""
        user_id = self.fields.get("in_reply_to_user_id")
        inside = self.fields.get("in_reply_to_user")
        user = inside if isinstance(inside, dict) else self.context.user(user_id) if user_id is not None else None
        if user is None and (answered := self.referenced("replied_to")):
            user = self.author_of(answered)
        return fields.text(user.get("username")) if user else None

    @property
    def entities(self) -> Fields:
        """The entities of `text`: a long post has its own beside the full text."""
        note = fields.mapping(_either(self.body, _NOTE))
        return fields.mapping(note.get("entities") or self.body.get("entities"))

    @property
    def author(self) -> Author | None:
        """Who wrote it; None where the source doesn't say at all."""
        user = self.author_of(self.fields)
        user_id = fields.identifier(self.fields.get("author_id")) or fields.identifier(user.get("id"))
        username = fields.text(user.get("username")) or None
        if user_id is None and username is None:
            return None
        metrics = fields.mapping(user.get("public_metrics"))
        return Author(
            id=user_id,
            username=username,
            name=fields.text(user.get("name")),
            followers=fields.count(metrics.get("followers_count")),
            following=fields.count(metrics.get("following_count")),
            posts=fields.count(_either(metrics, _POST_COUNT)),
            listed=fields.count(metrics.get("listed_count")),
            verified=fields.flag(user.get("verified")),
            verified_type=fields.text(user.get("verified_type")),
            created_at=fields.moment(user.get("created_at")),
        )

    def identity_of(self, post_id: str) -> str:
        """The identity behind the id of a referenced post: its first edit id, where the line shows its edit list."""
        if post_id in self.edit_ids:
            return self.id
        included = self.context.post(post_id)
        history = edit_history(included) if included else []
        return history[0] if post_id in history else post_id


def full_text(source: Fields) -> str | None:
    """A post's whole text: that of the note where it is a long one."""
    return _note_text(source) or fields.text(source.get("text"))


def _note_text(source: Fields) -> str | None:
    note = _either(source, _NOTE)
    return fields.text(note.get("text")) if isinstance(note, dict) else None


def edit_history(source: Fields) -> list[str]:
    """The ids that a post has had, oldest first."""
    ids = _either(source, _EDIT_HISTORY)
    return [known for item in ids if (known := fields.identifier(item))] if isinstance(ids, list) else []


def references(source: Fields) -> dict[str, Fields]:
    """What the post refers to: retweeted, quoted and replied_to, in the first spelling of X."""
    found: dict[str, Fields] = {}
    for reference in fields.mappings(_either(source, _REFERENCES)):
        kind = reference.get("type")
        if isinstance(kind, str) and kind in _KINDS_OF_REFERENCE:
            found.setdefault(_KINDS_OF_REFERENCE[kind], reference)
    return found
