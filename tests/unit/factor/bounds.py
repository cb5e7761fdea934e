"""Writes bounds.h: known answers for Clopper and Pearson's bounds, by other ways than ours.

    python3 bounds.py > bounds.h         (needs mpmath; not run by the tests)

Whole numbers: sums of the binomial law's terms with 25 digits, the share found by halving.
Fractions: the density of the beta law integrated numerically, the share found by secants.
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
    scale = mpmath.beta(a, b)
    middle = min(x, a / (a + b))
    points = sorted({mpf(0), middle / 2, middle, x})
    return mpmath.quad(lambda t: t**(a - 1) * (1 - t)**(b - 1), points) / scale


def fraction(hits, tries):
    misses = tries - hits
    low = high = None
    guess = (hits + mpf("0.5")) / (tries + 1)
    if hits == 0:
        low = mpf(0)
    else:
        low = halve_beta(hits, misses + 1, TAIL, guess)
    high = halve_beta(hits + 1, misses, 1 - TAIL, guess)
    return low, high


def halve_beta(a, b, goal, guess):
    low, high = mpf(0), mpf(1)
    low_value, high_value = -goal, 1 - goal
    x = guess
    for _ in range(200):  # regula falsi, Illinois
        value = beta_below(a, b, x) - goal
        if value < 0:
            low, low_value, high_value = x, value, high_value / 2
        else:
            high, high_value, low_value = x, value, low_value / 2
        following = (low * high_value - high * low_value) / (high_value - low_value)
        if abs(following - x) < x * mpf(10)**-14:
            break
        x = following
    return x


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
