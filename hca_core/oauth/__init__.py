"""Logins of people: OAuth 2.0 (RFC 6749) and OpenID Connect, as an application on a person's machine does them.

`provider` finds out where a service sends people to log in, `flows` takes one of them through a login, `grants` talks
to the token endpoint. Nothing here stores anything: tokens are returned, and `hca_core.credentials` keeps them.
"""
