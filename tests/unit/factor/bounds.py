"""Writes bounds.h: known answers for Clopper and Pearson's bounds, by other ways than ours.

    python3 bounds.py > bounds.h         (needs mpmath; not run by the tests)

Whole numbers: sums of the binomial law's terms with 25 digits, the share found by halving.
Fractions: the power series of the incomplete beta function, likewise.
"""

import random

import mpmath
from mpmath import mp, mpf

mp.dps = 25
TAIL = mpf("0.025")


def binomial_below(hits, tries, share):
    """The chance of fewer than `hits`."""
    term = (1 - share)**tries
    total = mpf(0)
    for k in range(hits):
        total += term
        term *= share / (1 - share) * (tries - k) / (k + 1)
    return total


def halve(rises, goal):
    low, high = mpf(0), mpf(1)
    for _ in range(48):
        middle = (low + high) / 2
        if rises(middle) < goal:
            low = middle
        else:
            high = middle
    return low


def whole(hits, tries):
    low = 0 if hits == 0 else halve(lambda p: 1 - binomial_below(hits, tries, p), TAIL)
    high = 1 if hits == tries else halve(lambda p: 1 - binomial_below(hits + 1, tries, p), 1 - TAIL)
    return low, high


def beta_below(a, b, x):
    # The power series (DLMF 8.17.8), all of whose terms are positive.
    term = total = mpf(1)
    k = 0
    while term > total * mpf(10)**-24:
        term *= (a + b + k) / (a + 1 + k) * x
        total += term
        k += 1
    return x**a * (1 - x)**b / (a * mpmath.beta(a, b)) * total


def fraction(hits, tries):
    misses = tries - hits
    low = 0 if hits == 0 else halve(lambda p: beta_below(hits, misses + 1, p), TAIL)
    high = 1 if misses == 0 else halve(lambda p: beta_below(hits + 1, misses, p), 1 - TAIL)
    return low, high


def main():
    random.seed(1934)
    cases = [(0, 1), (1, 1), (0, 10), (10, 10), (5, 10), (0, 1475), (0, 1476), (3, 300), (10, 1000)]
    for _ in range(290):
        tries = int(10**random.uniform(0.3, 3.4))
        share = 10**random.uniform(-3.5, 0)
        cases.append((min(tries, int(tries * share + random.random())), tries))
    rows = [(h, n) + whole(h, n) for h, n in cases]
    for _ in range(120):
        tries = round(10**random.uniform(0.5, 3.5), 3)
        hits = round(tries * 10**random.uniform(-3, -0.1), 3)
        rows.append((hits, tries) + fraction(mpf(str(hits)), mpf(str(tries))))
    print("/* Made by bounds.py. */\n/* clang-format off */")
    print("static const struct { double hits, tries, low, high; } bounds[] = {")
    for hits, tries, low, high in rows:
        print("    {%s, %s, %s, %s}," % (hits, tries, mpmath.nstr(mpf(low), 13), mpmath.nstr(mpf(high), 13)))
    print("};\n/* clang-format on */")


if __name__ == "__main__":
    main()
