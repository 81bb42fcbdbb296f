"""A token that a program gives, in the place of those that `hca` finds by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core import log
from hca_core.credentials.bearer import Bearer
from hca_core.credentials.values import Credential

if TYPE_CHECKING:
    from hca_core.credentials import Need


class GivenBearer(Bearer):
    """Gives `token` for `need`, and never another one."""

    def __init__(self, need: Need, token: str) -> None:
        super().__init__(need)
        log.hide(token)
        self._given = Credential(token, "the option 'token'")

    def credential(self) -> Credential:
        """Return the token that was given."""
        return self._given

    def renewed(self, refused: str) -> bool:
        """Return False: nobody becomes somebody else because he was refused."""
        return False

    def advice(self) -> str:
        """Return what to do after a refusal."""
        return "check the token that you gave with the option 'token'"
