#!/usr/bin/env python3
"""Verifies the orders in files of the shape of protocol/testdata/order.json, or in directories of such files.

It follows docs/protocol.md, with no code of the project, and decrypts nothing: the files show the plaintexts. A line is
printed for each part that holds; the first that does not hold ends it with exit code 1."""
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
import mldsa
from dagcbor import Link, Refused, cid, decode, encode, must

LABEL = b"COMPSIG-MLDSA65-Ed25519-SHA512"
MINUTES, DAYS, SEALED, GCM = 60_000, 86_400_000, 1136, 28  # milliseconds; bytes that sealing and AES-256-GCM add
# Shapes: a number of bytes, a range of numbers, a set of texts, (a value or null,), [item, least, most], a type, or a
# map, in which a name with "?" is absent while it has its default.
TIME, PLACE, COUNT = range(1, 253402300800000), range(32), range(1, 33)
NAMES, PARTY = [Link, 1, 16], {"name": Link, "document": Link}
MORE = {"version": range(1, 2), "critical": {}, "extra": dict}
SIGNATURE = {"algorithm": {"id-MLDSA65-Ed25519-SHA512"}, "signature": 3373}
DOCUMENT = MORE | {"suite": {"dta-v2"}, "kind": {"node", "custody"}, "reference": str, "time": TIME,
    "sequence": range(64), "previous": (Link,), "signing": 1984, "sealing": 1216, "log?": 32, "next": 32,
    "recovery": ({"names": NAMES, "threshold": range(1, 17)},),
    "signatures": [SIGNATURE | {"signer": (Link,), "document": (Link,)}, 1, 17]}
HEADER = MORE | {"suite": {"dta-v2"}, "kind": str, "signer": PARTY, "recipients": [PARTY, 0, 40], "time": TIME,
    "expires": TIME, "previous": [Link, 0, 64], "plain": 36}
ENVELOPE = {"header": HEADER, "keys": [{"sealed": 32 + SEALED}, 0, 40], "body": bytes, "signatures": [SIGNATURE, 1, 1]}
KEY = {"key_type?": {"ed25519", "bls12381"}, "form?": {"expanded"}}
TERMS = MORE | KEY | {"suite": {"dta-v2"}, "reference": 32, "what": {"secret", "key"}, "principal": Link,
    "redeemers": NAMES, "receivers": NAMES, "size": range(262145), "threshold": COUNT, "total": COUNT,
    "policy": {"enforcement": {"", "host-enforced"}, "critical": {}, "extra": dict}, "commitments": [48, 0, 32],
    "fiduciaries": [{"custody": PARTY, "node": PARTY, "offer": (Link,)}, 1, 32],
    "publish": {"none", "chain", "all"}, "own_key?": bool}
RECEIPT = KEY | {"deposit": Link, "mode": {"supervised", "enrolled"}, "type": str, "scheme": str,
    "host_enforced": bool, "own_key?": bool}
FOLLOWS = MORE | {"order": Link, "terms": 36}
BODIES = {
    "order": MORE | {"terms": TERMS, "shares": [Link, 0, 32], "ciphertext": (Link,)},
    "acceptance": FOLLOWS | {
        "index": PLACE, "commitment": bytes, "proof": bytes, "receipt": RECEIPT, "checkpoint": bytes},
    "redemption": FOLLOWS | {"receiver": Link, "asked": [PLACE, 1, 32], "reply_keys": [1216, 0, 32], "nonce": 32},
    "release": FOLLOWS | KEY | {"redemption": Link, "acceptance": Link, "index": PLACE, "receiver": Link,
        "share": Link, "checkpoint": bytes}}
KEYS = {(None, None): 33, ("ed25519", "expanded"): 32, ("bls12381", None): 48}  # sizes of public keys by type and form
People = dict[Link, dict[Link, dict]]  # by name: the documents of a party by their CIDs, first to newest

@contextmanager
def at(where: str) -> Iterator[None]:
    """Says of a refusal where it is."""
    try:
        yield
    except Refused as e:
        raise Refused(f"{where}: {e}") from None

def agree(found: dict, **expected: Any) -> None:
    """Refuses a structure in which a field has another value than expected."""
    for name, value in expected.items():
        with at(name):
            must(found.get(name) == value, value, found.get(name))

def conform(value: Any, shape: Any) -> None:
    """Refuses a value of another shape."""
    match shape:
        case int():
            must(type(value) is bytes and len(value) == shape, f"{shape} bytes", value)
        case range() | set():
            must(type(value) in (int, str) and value in shape, f"one of {shape}", value)
        case (item,):
            conform(value, type(None) if value is None else item)
        case item, least, most:
            must(type(value) is list and least <= len(value) <= most, f"a list of {least} to {most}", value)
            for entry in value:
                conform(entry, item)
        case dict():
            fields = {name.rstrip("?"): field for name, field in shape.items()}
            must(type(value) is dict, "a map", value)
            must(set(shape) & set(fields) <= set(value) <= set(fields), f"the fields {sorted(fields)}", sorted(value))
            for name, field in value.items():
                with at(name):
                    conform(field, fields[name])
                    must(name in shape or field, "no field at its default", field)
        case _:
            must(type(value) is shape, f"a value of type {shape.__name__}", value)
            must(shape is not Link or value.cid[1] == 0x71, "the CID of a DAG-CBOR block", value)
            sizes = [len(name.encode()) for name in value] if shape is dict else []
            small = len(sizes) <= 16 and all(0 < n <= 64 for n in sizes) and len(encode(sizes and value)) <= 4096
            must(small, "16 names of 1 to 64 bytes, 4096 bytes in all", value)

def composite(key: bytes, context: bytes, message: bytes, signature: bytes) -> bool:
    """Whether both halves of a signature verify (section 2)."""
    m = b"CompositeAlgorithmSignatures2025" + LABEL + bytes([len(context)]) + context + sha512(message).digest()
    try:
        Ed25519PublicKey.from_public_bytes(key[1952:]).verify(signature[3309:], m)
    except (InvalidSignature, ValueError):
        return False
    return mldsa.verify(key[:1952], m, signature[:3309], LABEL)

def signed(value: dict, number: int, document: dict, purpose: bytes) -> None:
    """Refuses a structure where a signature of it is not by the key of a document."""
    message, signature = encode(value | {"signatures": []}), value["signatures"][number]["signature"]
    must(composite(document["signing"], purpose, message, signature), f"signature {number} to verify", signature)

def document_of(people: People, name: Link, document: Link) -> dict:
    """A document of a party, which must have been shown."""
    must(document in people.get(name, {}), f"a document of {name} that is shown", document)
    return people[name][document]

def rising(names: list[Link]) -> bool:
    """Whether names ascend by their bytes, none twice."""
    return all(a.cid < b.cid for a, b in zip(names, names[1:]))

def meet(chains: dict[str, list[str]]) -> People:
    """Verifies chains (section 3): rotations by the announced key, and recoveries by one another."""
    people: People = {}
    for title, blocks in chains.items():
        with at(title):
            chain = {cid(block): decode(block) for block in map(bytes.fromhex, blocks)}
            conform(list(chain.values()), [DOCUMENT, 1, 64])
            must(len(chain) == len(blocks) and max(map(len, blocks)) <= 144 << 10, "72 KiB, each once", len(blocks))
            must(people.setdefault(next(iter(chain)), chain) == chain, "one chain of a name", list(chain))
    for name, previous, document in ((n, p, d) for n, c in people.items() for p, d in zip([None, *c], c)):
        with at(f"document {document}"):
            d, before = people[name][document], people[name].get(previous)
            key, rule, entries = sha256(d["signing"]).digest(), d["recovery"], d["signatures"]
            due = before["recovery"] if before and before["next"] != key else {"names": [], "threshold": 0}
            must(due, "the key that was announced, or a recovery", key)
            before = before or d | {"sequence": -1}
            agree(d, sequence=before["sequence"] + 1, previous=previous, kind=before["kind"])
            must((d["kind"] == "node") == ("log" in d), "a log key in a node's document alone", d["kind"])
            must(d["time"] >= before["time"] and d["next"] != key, "no earlier time, another next key", d["time"])
            must(d["reference"].isprintable() and len(d["reference"].encode()) <= 128, "printable text", d["reference"])
            sound = not rule or name not in rule["names"] and rule["threshold"] <= len(rule["names"])
            must(sound and (not rule or rising(rule["names"])), "so many others for recovery, rising", rule)
            signers = [entry["signer"] for entry in entries[1:]]
            sound = len(signers) == due["threshold"] and set(signers) <= set(due["names"]) and rising(signers)
            must(sound, f"{due['threshold']} names of the recovery, rising", signers)
            agree(entries[0], signer=None, document=None)
            for i, entry in enumerate(entries):
                signed(d, i, document_of(people, entry["signer"], entry["document"]) if i else d, b"DTA-V2-DOCUMENT")
    return people

def block_of(part: dict) -> bytes:
    """The block of a part, which has the CID that stands beside it."""
    block = bytes.fromhex(part["block"])
    must(str(cid(block)) == part["cid"], f"a block of CID {part['cid']}", cid(block))
    return block

def envelope(part: dict, people: People, kind: str) -> tuple[Link, dict, Any]:
    """Verifies an envelope by itself (section 4): its CID, header, and body in the clear."""
    block, plain = block_of(part), bytes.fromhex(part["plain"])
    value = decode(block)
    conform(value, ENVELOPE)
    header, body, by = value["header"], value["body"], document_of(people, **value["header"]["signer"])
    recipients, previous, time = header["recipients"], header["previous"], header["time"]
    agree(header, kind=kind, plain=cid(plain).cid)
    must(time < header["expires"] <= time + 31 * DAYS, "to expire within 31 days", header["expires"])
    sound = len({party["name"] for party in recipients}) == len(recipients) == len(value["keys"])
    must(sound and bool(recipients) == (kind != "offer"), "recipients, each once and with a key", recipients)
    must(len(set(previous)) == len(previous), "each link once", previous)
    later = [d["time"] for d in people[header["signer"]["name"]].values() if d["sequence"] == by["sequence"] + 1]
    must(all(time <= replaced + 2 * MINUTES for replaced in later), f"a time before {later}", time)
    signed(value, 0, by, b"DTA-V2-ENVELOPE")
    must(body == plain if kind == "offer" else len(body) == len(plain) + GCM, "a body for the plaintext", body)
    salted = decode(plain)
    must(type(salted) is list and len(salted) == 2, "[salt, body]", salted)
    conform(salted[0], 32)
    return cid(block), header, salted[1]

def documents_of(ring: bytes) -> list[str]:
    """The documents in a keyring (section Vectors), which has secrets beside them."""
    blocks, start = [], 15 + 64 + 1 + ring[79] + 32 + 1
    for _ in range(ring[start - 1]):
        end = start + 4 + int.from_bytes(ring[start : start + 4])
        blocks.append(ring[start + 4 : end].hex())
        start = end + 32
    must(ring[:15] == b"dta/keyring/v2\n" and start == len(ring), f"a keyring of {start} bytes", ring)
    return blocks

def order(o: dict) -> Iterator[str]:
    """Verifies a whole order (section 5), and says what holds."""
    rings = {who: documents_of(bytes.fromhex(ring)) for who, ring in o.get("keyrings", {}).items()}
    people = meet(o.get("documents", rings))
    for chain in people.values():
        must(list(map(str, chain)) in o["names"].values(), f"a chain of {o['names']}", list(chain))
        yield f"documents {list(chain)}"
    done, redemption = {}, {"asked": []}  # the parts that hold, by kind and place; the body of one
    used: dict[Link, dict[Link, int]] = {}  # by part: how new, by name, the documents are in it and in those before
    linked: dict[str, list[Link]] = {"deposit": [], "release": []}  # detached blocks by kind
    parts = {"order": [o["order"]], "acceptance": o["acceptances"], "redemption": [o.get("redemption")]}
    for kind, part in ((k, p) for k, ps in (parts | {"release": o.get("releases") or []}).items() for p in ps if p):
        with at(f"{kind} {part['cid']}"):
            link, header, b = envelope(part, people, kind)
            conform(b, BODIES[kind])
            i, signer = b.get("index", 0), header["signer"]["name"]
            must((kind, i) not in done, "one of each fiduciary", i)
            must(len(b.get("checkpoint", b"")) <= 4096, "a checkpoint of at most 4096 bytes", b.get("checkpoint"))
            if kind == "order":
                terms, of = b["terms"], {"order": link, "terms": cid(encode(b["terms"])).cid}
                t, n, secret, cids = terms["threshold"], terms["total"], terms["what"] == "secret", b["shares"]
                custody, nodes = ([f[role]["name"] for f in terms["fiduciaries"]] for role in ("custody", "node"))
                signers, asked, before = [terms["principal"]], range(len(nodes)), []
                must(t <= n == len(nodes) and (secret or n == 1), "t of n, one for a key", [t, n, len(nodes)])
                key = {"key_type": terms.get("key_type"), "form": terms.get("form")}
                must((*key.values(),) in (list(KEYS)[:1] if secret else KEYS), "the form that a type of key has", key)
                has = [len(terms["commitments"]), len(cids), len({*cids, b["ciphertext"]} - {None}), terms["size"] > 0]
                must(has == [t * secret, n * secret, (n + 1) * secret, secret], "parts of a secret alone", has)
                must(rising(terms["redeemers"]) and rising(terms["receivers"]), "rising redeemers and receivers", terms)
                takers = terms["redeemers"] + terms["receivers"]
                must(len({*custody} - {*signers, *nodes, *takers}) == n, "custody identities in no other role", custody)
                linked |= {"share": cids, "ciphertext": [b["ciphertext"]]}
                named = (f[role] for f in terms["fiduciaries"] for role in ("custody", "node"))
                used[link] = {p["name"]: document_of(people, **p)["sequence"] for p in named}
            elif kind == "acceptance":
                signers, asked, before, receipt = custody[i : i + 1], [i], [done["order", 0]], b["receipt"]
                conform(b["commitment"], 48 if secret else KEYS[*key.values()])
                conform(b["proof"], 0 if secret else 64)
                agree(b, commitment=terms["commitments"][0] if secret else b["commitment"])
                agree(receipt, **key, own_key=terms.get("own_key"), host_enforced=terms["policy"]["enforcement"] != "")
                linked["deposit"].append(receipt["deposit"])
            elif kind == "redemption":
                asked, keys, receiver, signers = b["asked"], b["reply_keys"], b["receiver"], terms["redeemers"]
                sound = asked == sorted(set(asked)) and len(asked) >= t
                must(sound and all(("acceptance", j) in done for j in asked), "places that accepted, rising", asked)
                before, redemption = [*(done["acceptance", j] for j in asked), done["order", 0]], b
                must(receiver in terms["receivers"], f"a receiver of {terms['receivers']}", receiver)
                sound = not keys or len(set(keys)) == len(keys) == len(asked) and receiver == signer
                must(sound, "a reply key for each asked, from the receiver", len(keys))
            else:
                must(("acceptance", i) in done and i in redemption["asked"], "a place that was asked", i)
                signers, asked, before = custody[i : i + 1], [i], [done["redemption", 0], done["acceptance", i]]
                agree(b, redemption=before[0], acceptance=before[1], receiver=redemption["receiver"], **key)
                linked["release"].append(b["share"])
            agree(header, previous=before)
            agree(b, **(of if before else {}))
            must(signer in signers, f"a signer of {signers}", signer)
            names = dict.fromkeys([terms["principal"], *(nodes[j] for j in asked), *takers])
            must([p["name"] for p in header["recipients"]] == [*names], f"recipients {[*names]}", header["recipients"])
            known: dict[Link, int] = {}
            for name, newest in (item for earlier in before or [link] for item in used[earlier].items()):
                known[name] = max(newest, known.get(name, 0))
            for p in [*header["recipients"], header["signer"]]:
                d = document_of(people, **p)
                agree(d, kind="custody" if p["name"] in custody else "node")
                must(d["sequence"] >= known.get(p["name"], 0), "no document before one that was used", p["document"])
                known[p["name"]] = d["sequence"]
            done[kind, i], used[link] = link, known
        yield f"{kind} {link}"
    for kind, name, size in (
        ("share", "shares", SEALED + 64), ("ciphertext", "ciphertext", terms["size"] + GCM),
        ("deposit", "deposits", bytes), ("release", "sealedReleases", SEALED + (64 if secret or key["form"] else 32))):
        for number, part in enumerate([o[name]] if type(o.get(name)) is dict else o.get(name) or []):
            with at(f"{kind} block {number}"):
                block = block_of(part)
                must(cid(block) in linked[kind][number : number + 1], f"the block of {linked[kind]}", cid(block))
                conform(decode(block), {"version": range(1, 2), "kind": {kind}, "sealed": size})
            yield f"{kind} block {cid(block)}"

def main(paths: list[str]) -> int:
    """Verifies the orders of files, and of the files in directories; it is an error if there are none."""
    holds, file = 0, "files"
    try:
        for file in (f for p in map(Path, paths) for f in (sorted(p.glob("*.json")) if p.is_dir() else [p])):
            data = json.loads(file.read_bytes())
            for o in data.get("orders", [data] if "what" in data else []) if type(data) is dict else []:
                with at(o["name"]):
                    for holds, line in enumerate(order(o), 1):
                        print(f"{o['name']}: {line}".encode("unicode_escape").decode())
        must(holds, "a whole order", "none")
        return 0
    except (Refused, OSError, LookupError, AttributeError, TypeError, ValueError, RecursionError) as e:
        text = e if type(e) is Refused else f"expected the shape of protocol/testdata/order.json, found {e!r:.300}"
        print(f"{file}: {text}".encode("unicode_escape").decode(), file=sys.stderr)
        return 1

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
