"""ML-DSA-65 signatures, verified as FIPS 204 says. All is public, so nothing takes constant time."""
from functools import lru_cache
from hashlib import shake_128, shake_256

Q, D, K, L = 8380417, 13, 6, 5  # modulus; low bits that the public key leaves out; rows and columns of the matrix
TAU, OMEGA, BETA = 49, 55, 196  # coefficients of a challenge that are not 0; hints at most; slack
GAMMA1, GAMMA2 = 1 << 19, (Q - 1) // 32
HASH, HINTS = 48, 48 + 640 * L  # bytes of the challenge's hash; where hints begin in a signature
PUBLIC_SIZE, SIGNATURE_SIZE = 32 + 320 * K, HINTS + OMEGA + K
ZETAS = [pow(1753, int(f"{i:08b}"[::-1], 2), Q) for i in range(256)]

def ntt(poly: list[int], inverse: bool = False) -> list[int]:
    """The number-theoretic transform (algorithm 41), or its inverse (42) but for the factor 256."""
    w = list(poly)
    for layer in reversed(range(8)) if inverse else range(8):
        half = 128 >> layer
        for block in range(1 << layer):
            zeta = ZETAS[(2 << layer) - 1 - block if inverse else (1 << layer) + block]
            for j in range(2 * half * block, 2 * half * block + half):
                if inverse:
                    w[j], w[j + half] = w[j] + w[j + half], zeta * (w[j + half] - w[j]) % Q
                else:
                    t = zeta * w[j + half] % Q
                    w[j], w[j + half] = w[j] + t, w[j] - t
    return w

def unpack(packed: bytes, bits: int) -> list[int]:
    """Numbers of so many bits each, the least significant first."""
    n, mask = int.from_bytes(packed, "little"), (1 << bits) - 1
    return [n >> i & mask for i in range(0, 8 * len(packed), bits)]

def uniform(seed: bytes) -> list[int]:
    """A polynomial of the matrix (algorithm 30). 8 blocks of SHAKE128 always suffice."""
    return [c for c in (n & 0x7FFFFF for n in unpack(shake_128(seed).digest(1344), 24)) if c < Q][:256]

@lru_cache(maxsize=64)
def expand(public: bytes) -> tuple[list[list[list[int]]], list[list[int]], bytes]:
    """The matrix, t1 · 2^D (both transformed), and the hash of a public key."""
    matrix = [[uniform(public[:32] + bytes([s, r])) for s in range(L)] for r in range(K)]
    t1 = [unpack(public[i : i + 320], 10) for i in range(32, PUBLIC_SIZE, 320)]
    return matrix, [ntt([c << D for c in poly]) for poly in t1], shake_256(public).digest(64)

def challenge(seed: bytes) -> list[int]:
    """TAU coefficients of 1 or -1 (algorithm 29). 4096 bytes always suffice."""
    stream = shake_256(seed).digest(4096)
    signs, rest, c = int.from_bytes(stream[:8], "little"), iter(stream[8:]), [0] * 256
    for n, i in enumerate(range(256 - TAU, 256)):
        j = next(b for b in rest if b <= i)
        c[i], c[j] = c[j], 1 - 2 * (signs >> n & 1)
    return c

def hints(packed: bytes) -> list[set[int]] | None:
    """Where each row has a hint (algorithm 21); None for another encoding than the one."""
    ends = packed[OMEGA:]
    rows = [list(packed[start:end]) for start, end in zip(b"\0" + ends, ends)]
    sound = list(ends) == sorted(ends) and ends[-1] <= OMEGA and not any(packed[ends[-1] : OMEGA])
    return [set(row) for row in rows] if sound and all(row == sorted(set(row)) for row in rows) else None

def high_bits(r: int, hint: bool) -> int:
    """The high part of r, moved by one where there is a hint (algorithms 36 and 40)."""
    high, low = divmod(r + GAMMA2 - 1, 2 * GAMMA2)  # 16 is 0 from below; low is the centred rest and GAMMA2 - 1
    return (high + hint * (1 if low >= GAMMA2 and high < 16 else -1)) % 16

def verify(public: bytes, message: bytes, signature: bytes, context: bytes | None = b"") -> bool:
    """Algorithm 3, pure ML-DSA-65 with a context; for None, algorithm 8, which it is built upon."""
    if len(public) != PUBLIC_SIZE or len(signature) != SIGNATURE_SIZE or len(context or b"") > 255:
        return False
    message = message if context is None else bytes([0, len(context)]) + context + message
    z = [[GAMMA1 - c for c in unpack(signature[i : i + 640], 20)] for i in range(HASH, HINTS, 640)]
    rows = hints(signature[HINTS:])
    if rows is None or max(abs(c) for poly in z for c in poly) >= GAMMA1 - BETA:
        return False
    matrix, t1, key_hash = expand(public)
    c, z = ntt(challenge(signature[:HASH])), [ntt(poly) for poly in z]
    hashed = shake_256(shake_256(key_hash + message).digest(64))
    for row, t, hinted in zip(matrix, t1, rows):
        sums = [sum(a * b for a, b in zip(column, point)) for column, point in zip(zip(*row), zip(*z))]
        w = ntt([s - x * y for s, x, y in zip(sums, c, t)], inverse=True)
        high = [high_bits(r * 8347681 % Q, i in hinted) for i, r in enumerate(w)]  # 8347681 is 1/256
        hashed.update(bytes(a | b << 4 for a, b in zip(high[::2], high[1::2])))
    return hashed.digest(HASH) == signature[:HASH]
