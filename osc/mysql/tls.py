"""How a connection to MySQL is encrypted, in the words of its own client (`--ssl-mode`).

Our own context rather than the driver's options: those let VERIFY_IDENTITY without a CA pass as if
nothing had been asked for.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any

from osc.errors import Usage

MODES = {
    "disabled": "disabled", "disable": "disabled",
    "preferred": "preferred", "prefer": "preferred",
    "required": "required", "require": "required",
    "verify-ca": "verify-ca",
    "verify-identity": "verify-identity", "verify-full": "verify-identity",
}  # fmt: skip
"""PostgreSQL's words are understood, too."""


WORDS = (
    "mode", "ca", "cert", "key", "key_password", "disabled", "verify_cert", "verify_identity",
    "verify_server_cert",
)  # fmt: skip


TODO = "check --ssl-mode, --ssl-ca, and for which names the server's certificate is"


def is_about(trouble: str) -> bool:
    """Whether it is encryption that a connection failed for, and not the network."""
    return "SSL" in trouble or "certificate" in trouble


def parameters(asked: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """PyMySQL's; Usage where a word that was asked for is none of `WORDS`, or makes no sense."""
    wanted = dict(asked)
    if unknown := [word for word in wanted if word not in WORDS]:
        raise Usage(f"nothing is known of ssl_{unknown[0]}", todo=f"ssl_ and {', '.join(WORDS)}")
    match mode(wanted):
        case "disabled":
            return {"ssl_disabled": True}
        case "preferred":
            return {}
        case _:
            return {"ssl": _context(asked)}


def mode(asked: Mapping[str, str]) -> str:
    """The one that is named; otherwise what the other words imply, as the manual has it: a CA is
    there to be checked against."""
    if named := asked.get("mode"):
        if (found := MODES.get(named.lower().replace("_", "-"))) is None:
            raise Usage(
                f"ssl-mode is {named!r}",
                todo="one of disabled, preferred, required, verify-ca, verify-identity",
            )
        return found
    if _is_on(asked.get("disabled")):
        return "disabled"
    if _is_on(asked.get("verify_identity")) or _is_on(asked.get("verify_server_cert")):
        return "verify-identity"
    if _is_on(asked.get("verify_cert")) or asked.get("ca"):
        return "verify-ca"
    return "required" if asked.get("cert") or asked.get("key") else "preferred"


def _is_on(value: str | None) -> bool:
    return value is not None and value.lower() not in ("0", "false", "off", "no")


@cache
def _context(asked: tuple[tuple[str, str], ...]) -> ssl.SSLContext:
    wanted = dict(asked)
    chosen = mode(wanted)
    try:
        context = ssl.create_default_context(cafile=wanted.get("ca"))
        # The certificates that MySQL makes for itself are not strictly what X.509 wants.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.check_hostname = chosen == "verify-identity"
        context.verify_mode = ssl.CERT_REQUIRED if chosen.startswith("verify") else ssl.CERT_NONE
        if cert := wanted.get("cert"):
            context.load_cert_chain(cert, wanted.get("key"), wanted.get("key_password"))
    except (OSError, ValueError) as error:
        files = ", ".join(wanted[name] for name in ("ca", "cert", "key") if name in wanted)
        todo = "" if wanted.get("key") else "the key of --ssl-cert is --ssl-key"
        raise Usage(
            f"a file of the TLS options ({files}) can't be used: {error}", todo=todo
        ) from error
    return context
