"""Canonical DAG-CBOR and CIDs: section 1 of the protocol."""
from base64 import b32encode
from hashlib import sha256
from typing import Any, NamedTuple

BLOCK, NESTING, LIST, MAP = 1 << 20, 32, 4096, 256  # bounds
SIMPLE = {0xF4: False, 0xF5: True, 0xF6: None}

class Refused(Exception):
    """Something is not as the protocol says: expected X, found Y."""

def must(holds: Any, expected: Any, found: Any) -> None:
    """Refuses where something does not hold."""
    if not holds:
        expected, found = (v.hex() if type(v) is bytes else str(v) for v in (expected, found))
        raise Refused(f"expected {expected:.300}, found {found:.300}")

class Link(NamedTuple):
    """A CID, as its 36 bytes."""
    cid: bytes

    def __repr__(self) -> str:
        return "b" + b32encode(self.cid).decode().rstrip("=").lower()

def cid(block: bytes) -> Link:
    """The CID of a DAG-CBOR block."""
    return Link(b"\x01\x71\x12\x20" + sha256(block).digest())

def head(major: int, n: int) -> bytes:
    """The type of an item and its number, in the shortest form."""
    size = next(i for i in range(5) if n < (24, 1 << 8, 1 << 16, 1 << 32, 1 << 64)[i])
    return bytes([major << 5 | (23 + size if size else n)]) + (n.to_bytes(1 << size - 1, "big") if size else b"")

def encode(value: Any) -> bytes:
    """The one encoding of a value."""
    match value:
        case False | True | None:
            return bytes([0xF6 if value is None else 0xF4 + value])
        case int():
            return head(0, value) if value >= 0 else head(1, -1 - value)
        case bytes():
            return head(2, len(value)) + value
        case str():
            return head(3, len(value.encode())) + value.encode()
        case list():
            return head(4, len(value)) + b"".join(map(encode, value))
        case dict():
            pairs = sorted((len(name.encode()), encode(name) + encode(field)) for name, field in value.items())
            return head(5, len(value)) + b"".join(pair for _, pair in pairs)
        case _:
            return b"\xd8\x2a\x58\x25\0" + value.cid

def decode(block: bytes) -> Any:
    """The value of a block, which must be the one encoding of it."""
    at = 0

    def take(n: int) -> bytes:
        nonlocal at
        must(n <= len(block) - at, f"{n} more bytes", len(block) - at)
        at += n
        return block[at - n : at]

    def item(depth: int) -> Any:
        must(depth <= NESTING, f"{NESTING} levels at most", depth)
        first = take(1)[0]
        major, n = divmod(first, 32)
        if first in SIMPLE:
            return SIMPLE[first]
        must(major < 7 and n < 28, "no float, other simple value or indefinite length", hex(first))
        n = n if n < 24 else int.from_bytes(take(1 << n - 24), "big")
        if major < 2:
            return -1 - n if major else n
        if major < 4:  # what has to be replaced in a text is encoded to other bytes below
            return take(n).decode(errors="replace") if major == 3 else take(n)
        if major < 6:
            must(n <= (LIST, MAP)[major - 4], f"{LIST} items or {MAP} names at most", n)
            items = [item(depth + 1) for _ in range(n * (major - 3))]
            must(major == 4 or all(type(name) is str for name in items[::2]), "text as names of a map", "another type")
            return items if major == 4 else dict(zip(items[::2], items[1::2]))
        must(n == 42 and take(3) == b"\x58\x25\0", "tag 42 over a zero byte and a CID", f"tag {n} over something else")
        must(take(4) in (b"\x01\x71\x12\x20", b"\x01\x55\x12\x20"), "version 1 and SHA-256", block[at - 4 : at])
        return Link(block[at - 4 : at] + take(32))

    must(len(block) <= BLOCK, f"a block of {BLOCK} bytes at most", len(block))
    value = item(0)
    must(at == len(block) and encode(value) == block, "the one canonical encoding", "another")
    return value
