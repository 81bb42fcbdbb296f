"""Access lists as the server tells them, and the words that are sent to change them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hca_core.errors import UsageError
from hca_shock.errors import ShockError

if TYPE_CHECKING:
    from collections.abc import Sequence

RIGHTS = ("read", "write", "delete")
ALL = "all"
PUBLIC = "public"  # what the server writes for everybody


@dataclass(frozen=True)
class User:
    """An account: its id at the server, and what the server knows of it (empty where it tells nothing)."""

    uuid: str
    username: str = ""
    fullname: str = ""
    email: str = ""
    admin: bool = False

    @property
    def is_described(self) -> bool:
        """Whether the server knows more of the account than its name."""
        return bool(self.fullname or self.email)

    def is_called(self, name: str) -> bool:
        """Tell whether `name` means this account: its name or its id."""
        return name in (self.username, self.uuid)


@dataclass(frozen=True)
class Acl:
    """Who may do what with a node: the owner everything, the listed users this, and everybody what is in `public`."""

    owner: User
    read: tuple[User, ...]
    write: tuple[User, ...]
    delete: tuple[User, ...]
    public: frozenset[str]

    @classmethod
    def parse(cls, raw: Any) -> Acl:
        """Return the access list that a document tells, with names or with ids. Raises ShockError if it tells none."""
        try:
            public = raw.get(PUBLIC) or {}
            lists = {right: tuple(_user(one) for one in raw.get(right) or ()) for right in RIGHTS}
            given = frozenset(right for right in RIGHTS if public.get(right))
            return cls(_user(raw.get("owner")), **lists, public=given)
        except (AttributeError, TypeError, KeyError) as error:
            raise ShockError("the server sent an access list that can't be read") from error

    @property
    def tells_names(self) -> bool:
        """Whether the server has told the name of any account in it; old servers tell ids only."""
        everybody = (self.owner, *self.read, *self.write, *self.delete)
        accounts = [user for user in everybody if user.uuid not in ("", PUBLIC)]
        return not accounts or any(user.username for user in accounts)

    def users(self, right: str) -> tuple[User, ...]:
        """Return the users that have a right by name."""
        found: tuple[User, ...] = getattr(self, right)
        return found

    def has(self, right: str, name: str) -> bool:
        """Tell whether the list of a right holds the user `name`."""
        return any(user.is_called(name) for user in self.users(right))

    def user(self, name: str) -> User | None:
        """Return the account that `name` means, if this list knows it."""
        everybody = (self.owner, *self.read, *self.write, *self.delete)
        return next((user for user in everybody if user.is_called(name)), None)

    def with_names(self, full: Acl) -> Acl:
        """Return this list of ids with the names of another answer, which leaves out users that have none."""
        known = {user.uuid: user for user in (full.owner, *full.read, *full.write, *full.delete)}
        lists = {right: tuple(known.get(user.uuid, user) for user in self.users(right)) for right in RIGHTS}
        return Acl(known.get(self.owner.uuid, self.owner), **lists, public=self.public)

    def document(self) -> dict[str, Any]:
        """Return it as JSON: users by name, or by id where the server tells no name."""
        lists = {right: [user.username or user.uuid for user in self.users(right)] for right in RIGHTS}
        public = {right: right in self.public for right in RIGHTS}
        users = {user.uuid: user for user in (self.owner, *self.read, *self.write, *self.delete) if user.uuid}
        owner = self.owner.username or self.owner.uuid
        return {"owner": owner, **lists, "public": public, "users": [asdict(user) for user in users.values()]}


def rights_of(words: str | Sequence[str]) -> tuple[str, ...]:
    """Return the rights that are meant by "read,write", ["read", "write"] or "all". Raises UsageError."""
    found = split(words, "right")
    wrong = [word for word in found if word not in (*RIGHTS, ALL)]
    if wrong:
        raise UsageError(f"{wrong[0]!r} is no right; there are: {', '.join(RIGHTS)}, and {ALL}")
    return RIGHTS if ALL in found else tuple(right for right in RIGHTS if right in found)


def split(words: str | Sequence[str], what: str) -> list[str]:
    """Return the single words of a list whose items may hold several with commas between them, without blanks.

    Raises UsageError for an empty one, and for one that comes twice.
    """
    given = [words] if isinstance(words, str) else list(words)
    found = [word.strip() for item in given for word in item.split(",")]
    if not found or not all(found):
        raise UsageError(f"the name of a {what} is empty")
    twice = next((word for word in found if found.count(word) > 1), None)
    if twice is not None:
        raise UsageError(f"the {what} {twice!r} is given twice")
    return found


def users_of(words: str | Sequence[str]) -> list[str]:
    """Return the users that are meant by "ann,bob" or ["ann", "bob"]. Raises UsageError."""
    found = split(words, "user")
    if PUBLIC in found:
        raise UsageError("'public' is no user", "hca shock acl public ID RIGHT is for everybody")
    return found


def _user(raw: Any) -> User:
    if not isinstance(raw, dict):
        return User(str(raw or ""))
    return User(
        uuid=str(raw.get("uuid") or ""),
        username=str(raw.get("username") or ""),
        fullname=str(raw.get("fullname") or ""),
        email=str(raw.get("email") or ""),
        admin=bool(raw.get("shock_admin")),
    )
