"""Who the user is to a service: where tokens come from, in which order, where they are kept, who renews them.

One chain serves every plugin: see `hca_core.credentials.chain`. A token goes to the service it was given for only.
"""

from hca_core.credentials.values import Credential as Credential
from hca_core.credentials.values import Need as Need

__all__ = ["Credential", "Need"]
