"""The parts that the services of a running deployment work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_local import data_directory
from hca_local.azul.access import Door
from hca_local.azul.azul import Azul
from hca_local.checking_out import CheckoutJobs
from hca_local.copying import Copier
from hca_local.fusillade import directory as users
from hca_local.fusillade.defaults import ADMIN_ROLE
from hca_local.identity import issuer, passwords, sessions
from hca_local.identity.caller import Callers
from hca_local.identity.provider import Provider
from hca_local.identity.service_accounts import ServiceAccounts
from hca_local.landing import Ground
from hca_local.objects.signing import Signer
from hca_local.replication import Replicator
from hca_local.s3.keys import PermanentKeys
from hca_local.s3.service import S3Service
from hca_local.search.searcher import Searcher
from hca_local.shock.shock import Shock
from hca_local.staging.own import OwnSources
from hca_local.staging.remote import RemoteSources
from hca_local.store import database
from hca_local.store.checkouts import Checkouts
from hca_local.store.writer import Writer
from hca_local.subscriptions.courier import Courier
from hca_local.upload import buckets as upload_buckets
from hca_local.upload.buckets.keys import Ring
from hca_local.upload.uploads import Uploads

if TYPE_CHECKING:
    from sqlite3 import Connection

    from hca_local.data_directory import DataDirectory
    from hca_local.server.log import ServiceLog
    from hca_local.settings import Settings
    from hca_local.staging.values import Sources
    from hca_local.state import State


@dataclass(frozen=True)
class Deployment:
    """A data directory that is being served; `records` belongs to the thread of the event loop.

    `buckets` is the S3 server, None if another one is used.
    """

    directory: DataDirectory
    settings: Settings
    records: Connection
    writer: Writer
    ground: Ground
    checkouts: Checkouts
    signer: Signer
    issuer: issuer.Issuer
    callers: Callers
    provider: Provider
    copier: Copier
    checkout_jobs: CheckoutJobs
    replicator: Replicator
    courier: Courier
    searcher: Searcher
    uploads: Uploads
    shock: Shock
    azul: Azul
    buckets: S3Service | None

    def is_enabled(self, email: str) -> bool:
        """Tell whether a user may do anything; who is not known yet may."""
        return users.is_enabled(self.records, email)

    def is_administrator(self, email: str) -> bool:
        """Tell whether a user may do what only administrators may, such as to delete bundles."""
        return ADMIN_ROLE in users.roles_of(self.records, email)

    def changed(self) -> None:
        """Let those who work in the background know that something was written."""
        self.courier.wake()
        if self.settings.replica_delay:
            self.replicator.wake()

    async def start(self) -> None:
        """Begin the work in the background, with what a former process has left."""
        await self.copier.resume()
        await self.checkout_jobs.resume()
        self.replicator.start()
        self.courier.start()
        self.uploads.start(self.records)
        await self.shock.start()

    async def stop(self) -> None:
        """End the work in the background; what is unfinished waits in the store."""
        await self.shock.stop()
        await self.uploads.stop()
        await self.courier.stop()
        await self.replicator.stop()
        await self.checkout_jobs.stop()
        await self.copier.stop()
        await self.checkouts.finish()
        if self.buckets:
            self.buckets.close()
        self.searcher.close()
        self.writer.close()
        self.records.close()


def opened(directory: DataDirectory, settings: Settings, found: State, log: ServiceLog) -> Deployment:
    """Return the deployment of a data directory whose store exists, to be served where `found` tells.

    Files are registered from its S3 server. Raises OSError, sqlite3.Error, ValueError.
    """
    url, s3_url = found.url, found.s3_url
    records = database.connect(directory.store)
    writer = Writer(lambda: database.connect(directory.store))
    ground = Ground(directory.blobs, url, settings.replica_delay)
    key = data_directory.access_key(directory)
    own = issuer.Issuer(issuer.load_key(directory.issuer_key), url)
    callers = Callers(own, ServiceAccounts(records), lambda session: sessions.is_revoked(records, session))
    source: Sources
    if settings.s3_endpoint:
        buckets, source = None, RemoteSources(s3_url)
    else:
        buckets = S3Service(directory.s3, Ring(PermanentKeys({key.access_key_id: key.secret}), records))
        source = OwnSources(buckets.store)
    courier = Courier(directory.store, settings, log)
    areas = upload_buckets.opened(buckets, s3_url, directory.store)
    api_key = data_directory.api_key(directory)
    uploads = Uploads(areas, writer, directory.store, api_key, settings.upload_key_lifetime, log)
    if buckets:
        buckets.created = uploads.created_in
    copier = Copier(writer, ground, source, settings.copy_seconds, log, courier.wake)
    return Deployment(
        directory=directory,
        settings=settings,
        records=records,
        writer=writer,
        ground=ground,
        checkouts=Checkouts(directory.store, records, settings.first_get_redirects),
        signer=Signer(data_directory.signing_key(directory), settings.url_lifetime),
        issuer=own,
        callers=callers,
        provider=Provider(
            issuer=own,
            records=records,
            writer=writer,
            key=passwords.load_key(directory.login_key),
            directory=users,
            check=callers.check,
            lifetime=settings.login_lifetime,
        ),
        copier=copier,
        checkout_jobs=CheckoutJobs(
            directory.store, directory.blobs, writer, copier, source, settings.checkout_seconds, log
        ),
        replicator=Replicator(writer, ground, courier.wake),
        courier=courier,
        searcher=Searcher(directory.store),
        uploads=uploads,
        shock=Shock(directory.shock, records, writer, directory.store, settings, log, found.shock_url),
        azul=_azul(directory, settings, records, callers, log, found.azul_url),
        buckets=buckets,
    )


def _azul(
    directory: DataDirectory, settings: Settings, records: Connection, callers: Callers, log: ServiceLog, url: str
) -> Azul:
    """Return the stand-in for Azul, to be served at `url`; it knows the users in `records`."""
    door = Door(
        callers,
        lambda email: users.is_enabled(records, email),
        lambda email: ADMIN_ROLE in users.roles_of(records, email),
    )
    return Azul(directory.azul, settings, door, log, url, data_directory.signing_key(directory))
