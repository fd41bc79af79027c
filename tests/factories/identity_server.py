"""Canaille, an OpenID provider that others wrote, with people and clients in memory: a process of its own.

    python -m tests.factories.identity_server JSON

JSON is `{"port", "lasts_s", "people": [...], "clients": [...]}`; 0 is any free port, which is printed once it
answers there. Every start makes a signing key anew.
"""

import json
import os
import sys
from datetime import UTC, datetime
from wsgiref.simple_server import WSGIRequestHandler, make_server

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from canaille.backends.memory.backend import MemoryBackend
from canaille.oidc.provider import OpenIDCode
from joserfc.jwk import RSAKey


class Quiet(WSGIRequestHandler):
    def log_request(self, code="-", size="-"):
        pass


class Store(MemoryBackend):
    """Finds what fits in every way, as Canaille's SQL store does; in memory it takes what fits in any."""

    __module__ = MemoryBackend.__module__  # the models are looked for beside it

    def do_query(self, model, **wanted):
        fitting = [
            {one.id for one in super(Store, self).do_query(model, **{name: value})}
            for name, value in wanted.items()
        ]
        return [one for one in super().do_query(model, **wanted) if all(one.id in ids for ids in fitting)]


def configured(port):
    """PKCE and a nonce are what it insists on by itself; nobody's consent goes without saying."""
    key = RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True)
    return {
        "SECRET_KEY": "of the tests",
        "ENV_FILE": None,
        "SERVER_NAME": f"127.0.0.1:{port}",
        "PREFERRED_URL_SCHEME": "http",
        "CANAILLE": {"DATABASE": "memory", "JAVASCRIPT": False},
        "CANAILLE_OIDC": {"ACTIVE_JWKS": [key], "TRUSTED_DOMAINS": []},
    }


def filled(people, clients):
    """`audience` of a client names the clients that its tokens are for; by itself it is the only one."""
    for person in people:
        Backend.instance.save(models.User(**person))
    audiences = {client["client_id"]: client.pop("audience", [client["client_id"]]) for client in clients}
    made = {
        client["client_id"]: models.Client(**client, client_id_issued_at=datetime.now(UTC))
        for client in clients
    }
    for one in made.values():
        Backend.instance.save(one)
    for name, one in made.items():
        one.audience = [made[each] for each in audiences[name]]
        Backend.instance.save(one)


def main():
    given = json.loads(sys.argv[1])
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # it is asked on loopback, without TLS
    server = make_server("127.0.0.1", given["port"], None, handler_class=Quiet)
    OpenIDCode.DEFAULT_EXPIRES_IN = given["lasts_s"]
    config = configured(server.server_port)
    app = create_app(config, backend=Store(config))
    with app.app_context():
        filled(given["people"], given["clients"])
    server.set_app(app)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
