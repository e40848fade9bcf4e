"""What the environment says about the wire: proxies and certificates, looked up once and not for every request.

aiohttp reads both anew for each request, in another thread, and with them a
``.netrc``: that costs as much as a small request does, and a ``.netrc`` would
quietly add a password to requests that carry a key of their own.
"""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from lm_eval_longctx.errors import ConfigError


def proxy_for(url: str) -> str | None:
    """Return the proxy that ``HTTP_PROXY`` and ``HTTPS_PROXY`` name for a URL, unless ``NO_PROXY`` excepts its host."""
    parts = urlsplit(url)
    found = getproxies().get(parts.scheme)
    return None if not found or proxy_bypass(parts.hostname or "") else found


def trust(url: str, ca_file: str = "") -> ssl.SSLContext | bool:
    """Trust what HTTP libraries trust: the system's certificates, and the user's own.

    Raises:
        ConfigError: The certificates cannot be read.
    """
    bundle = ca_file or os.environ.get("REQUESTS_CA_BUNDLE", "")
    return trusting(bundle) if bundle and url.startswith("https:") else True


@lru_cache(maxsize=4)
def trusting(bundle: str) -> ssl.SSLContext:
    """Trust the system's certificates and those in a file.

    Raises:
        ConfigError: The certificates cannot be read.
    """
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cafile=bundle)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"cannot read the certificates in {bundle!r}: {error}") from None
    return context
