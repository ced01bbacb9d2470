# SPDX-License-Identifier: GPL-2.0
"""`memtrace growth --sample-faults`: estimates that say how far off they may be, against targets that keep books.

A suite of its own, because what it looks at depends on the kernel: how a fault and its pages are told of
where most faults are passed over. Sizes are drawn from a seed, which is printed; SEED=N repeats a run;
GROWTH_RUNS=50 adds as many runs. No verdict is asked for, so that the machine may be as slow as it likes.
"""
import os
import random
import subprocess

from live import PATIENCE, check, equal, main
from sys_growth import OLD_COUNTERS, RUNS, SEED, grow, start


def faults_sampled(kind, period):
    """One fault in so many: estimates that say so, and how far off they may be; RSS is exact.

    A 95 % interval leaves the truth out in one of twenty runs. Twice as wide, as here, it does in one of
    ten thousand; that it is not wider than it says is the unit test's, and GROWTH_RUNS=N looks here, too.
    """
    def test():
        if OLD_COUNTERS:
            p = start('--sample-faults', period, '-p', os.getpid(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            equal(p.wait(PATIENCE), 5, 'exit status where the kernel counts in each task')
            return
        r = grow(kind, '--sample', '1', '--sample-faults', period)
        r.identity()
        s = r.o['sampling']
        equal((s['estimated'], s['fault_period'], s['faults_complete']), (True, period, False), 'sampling')
        check(r.o['rss']['before_attach_bytes'] == 0, r.o['rss'])
        equal(r.in_interval(2), len(r.truth), 'functions with the truth in their interval')
        check(all(r.interval(f)[2] < 3 * abs(v) + (1 << 20) for f, v in r.truth.items()), 'an interval that says nothing')
        low, mid, high = (r.o['rss'][f'attributed{k}_bytes'] for k in ('_low', '', '_high'))
        want = r.o['rss']['delta_bytes']
        check(mid - 2 * (mid - low) <= want <= mid + 2 * (high - mid), 'attributed', low, high, 'of', want)
        r.top(by='gross_bytes')
    return f'faults_sampled_{kind}', test


def sampled_intervals():
    """GROWTH_RUNS: how often the truth is in the interval as it is said."""
    hits, nr, runs = 0, 0, random.Random(SEED)
    for i in range(RUNS):
        r = grow(('ways', 'map', 'sawtooth', 'huge')[i % 4], '--sample', '1', '--sample-faults', runs.choice((2, 8, 20)), ms=300,
                 mib=runs.randrange(8, 64), seed=runs.randrange(1 << 30))
        hits += r.in_interval(1)
        nr += len(r.truth)
    print(f'# {hits} of {nr} intervals hold the truth')
    check(hits >= 0.95 * nr - 3 * (nr * 0.95 * 0.05) ** 0.5, hits, 'of', nr)


if __name__ == '__main__':
    main(faults_sampled('ways', 8), faults_sampled('sawtooth', 4), faults_sampled('map', 8), faults_sampled('threads', 8),
         *([sampled_intervals] if RUNS else []))
