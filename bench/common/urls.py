"""Addresses of servers and databases without their secrets, to show, store and compare them."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import parse_qsl, urlsplit

SECRET = re.compile(r"pass|pwd|secret|token|key|auth|cred|sig", re.IGNORECASE)
"""Parts of the names of query keys and options whose values are secret."""
HIDDEN = "***"
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>`]+")
USER_INFO = re.compile(r"(//)[^/?#\s'\"]*@")  # up to the last @: a password may hold one itself
QUERY = re.compile(r"([?&;][^=&;#\s]+)=([^&;#\s'\"]*)")


def shown(url: str) -> str:
    """An address to be printed or kept: without user and password, and without the values of secret query keys."""
    bare = USER_INFO.sub(r"\1", url)
    return QUERY.sub(lambda match: f"{match[1]}={HIDDEN}" if SECRET.search(match[1]) else match[0], bare)


def without_secrets(text: str) -> str:
    """Any text, such as an error message or a command line, every address in it as `shown`."""
    return ADDRESS.sub(lambda match: shown(match[0]), text)


def digest(url: str) -> str:
    """Sixteen hex digits that tell addresses apart without revealing them."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def has_secret(url: str) -> bool:
    """Whether an address holds a password, or a query key that looks like one."""
    parts = urlsplit(url)
    info = parts.netloc.rpartition("@")[0]
    return ":" in info or any(SECRET.search(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True))
