"""The code of a plugin that brings services: see conftest.py. Its distribution is made anew for each test."""

import hashlib
import json
import os
import sys
import threading
import time

from hca_core.errors import UsageError

print("printed by the plugin")


def plain(service):
    """A bare application of ASGI: counts its starts in its directory."""
    counter = service.directory / "starts"
    starts = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(starts))
    service.log(f"started for the {starts}. time")

    async def application(scope, receive, send):
        assert scope["type"] == "http"  # it knows nothing of lifespan
        path = scope["path"]
        print(f"asked for {path}")
        if path == "/raise":
            raise ValueError("no weather")
        if path == "/exit":
            sys.exit(3)
        if path == "/die":
            os._exit(9)
        if path == "/hang":
            time.sleep(600)
        headers = [(b"content-type", b"application/json")]
        if path == "/cut":
            headers.append((b"content-length", b"1000"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if path == "/cut":
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
            raise ValueError("in the middle")
        told = {"url": service.url, "directory": str(service.directory), "temporary": service.temporary}
        told |= {"name": service.name, "starts": starts, "input": sys.stdin.read(), "pid": os.getpid()}
        told["environment"] = {name: value for name, value in os.environ.items() if name.startswith("HCA_")}
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})

    return application


def sky(service):
    """An application of Starlette, which has a beginning and an end."""
    from contextlib import asynccontextmanager

    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    begun = []

    @asynccontextmanager
    async def lifespan(app):
        begun.append(True)
        yield
        (service.directory / "ended").touch()

    def who(request):
        caller = service.caller(request.headers.get("Authorization"))
        if caller is None:
            return JSONResponse({"error": "who are you?"}, 401)
        return JSONResponse({"email": caller.email, "admin": caller.is_administrator, "claims": dict(caller.claims)})

    async def broken(request):
        raise ValueError("clouds")

    routes = [Route("/begun", lambda request: JSONResponse(begun)), Route("/who", who), Route("/broken", broken)]
    return Starlette(routes=routes, lifespan=lifespan)


def talkative(service):
    """One that says more of what is wrong than a pipe holds."""
    raise UsageError("rain " * 100_000, hint="buy an umbrella")


def classic(service):
    """An application of WSGI."""

    def application(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/raise":
            raise ValueError("no weather")
        if path == "/exit":
            sys.exit(3)
        if path == "/hang":
            time.sleep(600)
        if path == "/who":
            caller = service.caller(environ.get("HTTP_AUTHORIZATION"))
            body = [(caller.email if caller else "nobody").encode()]
        elif path == "/bundles":
            import boto3

            import hca_core

            boto3.client("s3").create_bucket(Bucket="of-a-plugin")
            found = list(hca_core.client("dss").get_bundles_all.iterate(replica="aws"))
            user = hca_core.client("auth").get_v1_users.paginate  # noqa: F841 - it is there
            body = [json.dumps(len(found)).encode()]
        elif path == "/large":
            body = (b"x" * 65536 for _ in range(100))
        else:
            content = environ["wsgi.input"].read()
            body = [hashlib.sha256(content).hexdigest().encode(), b" ", threading.current_thread().name.encode()]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return body

    return application


def raising(service):
    raise UsageError("the weather needs a thermometer", hint="buy one")


def leaving(service):
    sys.exit("no weather today")


def nothing(service):
    return None


def refusing(service):
    async def application(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no sky"})

    return application


def hanging(service):
    (service.directory / "hangs").touch()
    time.sleep(600)


def parent(service):
    """One that starts a process of its own, and leaves it behind."""
    import subprocess

    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (service.directory / "child").write_text(str(child.pid))
    return plain(service)
