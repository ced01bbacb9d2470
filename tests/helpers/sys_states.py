# SPDX-License-Identifier: GPL-2.0
"""Resident pages per region at random states of a target, against the kernel's page tables.

The truth is read here, from /proc/PID/pagemap and /proc/kpageflags, word by word: present pages
that are not the zero page. The target stands at its checkpoint; kswapd and khugepaged do not, so
the truth is read before and after the report, and counts where both readings agree.

With memtrace.ko a region that says 'exact' must have that number in every report; and all say so
soon. Without it, what events alone amount to is compared and printed (the drift), then each region
that was counted since the checkpoint must be right.

MEMTRACE_STATES is the number of states, MEMTRACE_SEED the first seed.
"""
import array
import json
import os
import random
import re
import subprocess
import tempfile
import time

from live import MEMTRACE, PAGE, SLOW, Ended, Skip, Target, Tracer, check, equal, main, none_lost, same_map, span

PRESENT, FILE, EXCLUSIVE, PFN = 1 << 63, 1 << 61, 1 << 56, (1 << 55) - 1
KPF_ZERO_PAGE = 1 << 24
SHORT = bool(os.environ.get('MEMTRACE_TEST_SHORT'))
STATES = int(os.environ.get('MEMTRACE_STATES') or (60 if SLOW == 1 else 15 if SHORT else 25))
SEED = int(os.environ.get('MEMTRACE_SEED', random.randrange(1 << 30)))
NOT_PAGES = ('vvar', 'vsyscall')
MODULE = '/memtrace/memtrace.ko'
INTERVAL = '100ms' if SLOW == 1 else '300ms'
LONG = 100  # reports until all must be exact


def has_zero(fd, pfn):
    word = os.pread(fd, 8, pfn * 8)
    return len(word) == 8 and bool(int.from_bytes(word, 'little') & KPF_ZERO_PAGE)


def resident(pagemap, flags, start, end):
    """Bytes of [start, end) that are there."""
    words = array.array('Q')
    words.frombytes(os.pread(pagemap, (end - start) // PAGE * 8, start // PAGE * 8))
    there = [w for w in words if w & PRESENT]
    zero = sum(1 for w in there if not w & EXCLUSIVE and has_zero(flags, w & PFN))
    return (len(there) - zero) * PAGE


def truth(pid):
    """{(start, end): bytes} of each anonymous or file mapping."""
    out = {}
    pagemap, flags = os.open(f'/proc/{pid}/pagemap', os.O_RDONLY), os.open('/proc/kpageflags', os.O_RDONLY)
    try:
        with open(f'/proc/{pid}/maps') as f:
            for line in f:
                m = re.match(r'([0-9a-f]+)-([0-9a-f]+) ', line)
                start, end = int(m[1], 16), int(m[2], 16)
                if start >> 63 == 0 and '[vvar' not in line:
                    out[start, end] = resident(pagemap, flags, start, end)
    finally:
        os.close(pagemap)
        os.close(flags)
    return out


def regions(o):
    return {span(r): r for r in o['regions'] if r['kind'] not in NOT_PAGES and span(r)[0] >> 63 == 0}


def counted_at(o, r):
    """When at the earliest, CLOCK_BOOTTIME in ns: ages are in whole ms."""
    return o['time_ns'] - (r['residency_age_ms'] + 1) * 10**6 if r['residency_age_ms'] else o['time_ns']


def look(tracer, pid):
    """A report and the truth, which was the same before and after it."""
    for _ in range(20):
        before = truth(pid)
        o = tracer.settled(pid)
        if truth(pid) == before:
            return o, before
    raise AssertionError('the page tables do not stand still')


class Memcg:
    """A memory cgroup of the target's own, in which pages can be reclaimed; where there is one."""

    def __init__(self, pid):
        self.dir = f'/sys/fs/cgroup/memtrace-states-{os.getpid()}'
        self.nr = self.tries = 0
        try:
            with open('/sys/fs/cgroup/cgroup.subtree_control', 'w') as f:
                f.write('+memory')
            os.mkdir(self.dir)
            with open(f'{self.dir}/cgroup.procs', 'w') as f:
                f.write(str(pid))
        except OSError:
            self.dir = None

    def reclaim(self):
        self.tries += 1
        try:
            with open(f'{self.dir}/memory.reclaim', 'w') as f:
                f.write('256K')
            self.nr += 1
        except OSError:
            pass  # less was there, or a kernel before 5.19

    def end(self):
        try:
            if self.dir:
                os.rmdir(self.dir)
        except OSError:
            pass


def swap_on():
    """Compressed memory as swap: in a guest only, where scripts/vm loaded the module for it."""
    if not os.path.exists('/dev/zram0') or not os.environ.get('MEMTRACE_TEST_WHERE') or swap_there():
        return
    with open('/sys/block/zram0/disksize', 'w') as f:
        f.write('256M')
    for argv in (['mkswap', '/dev/zram0'], ['swapon', '/dev/zram0']):
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def swap_there():
    with open('/proc/swaps') as f:
        return len(f.readlines()) > 1


class States:
    """The target at one random state after another."""

    def __init__(self, seed, nr, *args):
        self.seed, self.nr, self.dir = seed, nr, tempfile.TemporaryDirectory()
        self.target = Target('states', '--seed', seed, '--states', nr, '--file', f'{self.dir.name}/f', *args)
        self.pid = self.target.pid
        self.memcg = Memcg(self.pid)
        self.tracer = None
        print(f'# seed {seed}, {nr} states', flush=True)

    def attach(self, *args):
        """memtrace on it, begun at the first state."""
        if not self.tracer:
            self.tracer = Tracer('-p', self.pid, *args, interval=INTERVAL)
        return self.tracer

    def checkpoint(self):
        try:
            return self.target.checkpoint()
        except Ended:
            raise AssertionError(f'the target ended: status {self.target.wait()}') from None

    def __iter__(self):
        rnd = random.Random(self.seed)
        for _ in range(self.nr):
            at = self.checkpoint()
            equal(at['what'], 'CHECKPOINT', 'the target says')
            if self.memcg.dir and rnd.random() < 0.3:
                self.memcg.reclaim()
            yield at['nr']
            self.target.go()
        equal(self.checkpoint()['what'], 'DONE', 'the target says')
        ops = {rest[0]: keys['done'] for rest, keys in self.target.lines('OP')}
        idle = sorted(k for k, v in ops.items() if not v)
        print(f'# operations {sum(ops.values())}, never done here: {idle or "none"}; reclaimed {self.memcg.nr} of {self.memcg.tries} times, '
              f'swap: {swap_there()}')
        check(self.nr < 40 or len(idle) < 6, 'too few kinds of operations worked', ops)

    def __enter__(self):
        return self

    def __exit__(self, kind, exc, tb):
        if self.tracer:
            self.tracer.__exit__(kind, exc, tb)
        self.target.end()
        self.memcg.end()
        self.dir.cleanup()


def differing(o, want, which):
    """Regions for which the report has another number than the page tables."""
    out = []
    for key, r in regions(o).items():
        if which(r) and r['resident_bytes'] != want.get(key):
            out.append((f'{key[0]:x}-{key[1]:x}', r['prot'], r['kind'], r['residency'], r['residency_age_ms'],
                        'ours', r['resident_bytes'], 'pagemap', want.get(key)))
    return out


def reconciled():
    """Without the module: what events amount to, and what was counted."""
    if os.path.exists('/dev/memtrace'):
        raise Skip('memtrace.ko is loaded')
    drift, worst, off_regions, all_regions, counted, corrected = 0, 0, 0, 0, 0, 0
    with States(SEED, STATES) as states:
        for nr in states:
            now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            tracer = states.attach()
            o, want = look(tracer, states.pid)
            same_map(o, states.pid)
            check(o['residency']['module'] is False, 'a module?', o['residency'])
            check(not any(r['residency'] == 'exact' for r in o['regions']), 'exact without the module')
            off = [abs(r['resident_bytes'] - want[k]) for k, r in regions(o).items()
                   if r['residency'] == 'estimated' and r['resident_bytes'] is not None]
            drift += sum(off)
            worst = max([worst, *off])
            off_regions += sum(1 for d in off if d)
            all_regions += len(want)
            # the kernel may reclaim behind a stopped process's back: a later report knows
            for left in range(5, -1, -1):
                fresh = [k for k, r in regions(o).items()
                         if r['residency'] == 'reconciled' and counted_at(o, r) > now]
                wrong = differing(o, want, lambda r: span(r) in fresh)
                if not wrong or not left:
                    break
                o, want = look(tracer, states.pid)
            counted += len(fresh)
            equal(wrong, [], f'counted at state {nr}')
            corrected = o['residency']['corrected_bytes']
    print(f'# before reconciliation: {off_regions} of {all_regions} regions were off, {drift >> 10} KiB in all states, '
          f'{worst >> 10} KiB the most; counting corrected {corrected >> 10} KiB; {counted} were counted and right')
    check(counted, 'nothing was counted')


def events_alone():
    """Never counted at all: how far events carry; and that the sum is the kernel's, whatever has no place."""
    if os.path.exists('/dev/memtrace'):
        raise Skip('memtrace.ko is loaded')
    off_regions, compared, drift, there, worst = 0, 0, 0, 0, 0
    with States(SEED, STATES) as states:
        for _ in states:
            tracer = states.attach('--reconcile=off')
            o, want = look(tracer, states.pid)
            same_map(o, states.pid)
            none_lost(o)
            mine = {k: r['resident_bytes'] for k, r in regions(o).items()
                    if r['residency'] == 'estimated' and r['resident_bytes'] is not None and k in want}
            off = [abs(b - want[k]) for k, b in mine.items()]
            off_regions += sum(1 for d in off if d)
            compared += len(mine)
            drift += sum(off)
            there += sum(want[k] for k in mine)
            worst = max([worst, *off])
    print(f'# by events alone: {off_regions} of {compared} regions were off, {drift >> 10} KiB of {there >> 10} KiB '
          f'({100 * drift / max(there, 1):.1f} %) in all states, {worst >> 10} KiB the most')
    check(compared >= STATES, 'no region known from events alone', compared)


def load_module():
    if os.path.exists('/dev/memtrace'):
        return False
    if not os.path.exists(MODULE):
        raise Skip('no memtrace.ko for this kernel')
    subprocess.run(['insmod', MODULE], check=True)
    return True


def unload_module():
    subprocess.run(['rmmod', 'memtrace'], check=True)


def with_module(fn):
    def test():
        loaded = load_module()
        try:
            fn()
        finally:
            if loaded:
                unload_module()
    return fn.__name__, test


def all_exact(o):
    return all(r['residency'] == 'exact' for r in regions(o).values())


def exact():
    """With the module: exact, at every state, and only what was marked is counted again."""
    total, recounts, first = 0, 0, 0
    with States(SEED, STATES) as states:
        for nr in states:
            tracer = states.attach()
            for tries in range(LONG):
                o, want = look(tracer, states.pid)
                equal(differing(o, want, lambda r: r['residency'] == 'exact'), [], f'exact at state {nr}, report {tries}')
                if all_exact(o):
                    break
            check(all_exact(o), f'not exact at state {nr} after {LONG} reports:',
                  [(span(r), r['kind'], r['residency']) for r in regions(o).values() if r['residency'] != 'exact'])
            first += tries == 0
            same_map(o, states.pid)
            check(o['residency']['state'] == 'exact' and o['residency']['module'], o['residency'])
            none_lost(o)
            total += len(want)
            last, recounts = recounts, o['residency']['counted_regions']
    print(f'# {STATES} states exact, {first} of them in the first report; {recounts} counts of regions, '
          f'{recounts / STATES:.1f} a state of {total / STATES:.1f} regions; '
          f'{o["residency"]["invalidations"]} invalidations told')


def drops():
    """What is needed is needed: without faults something that says 'exact' must be found wrong."""
    wrong = 0
    with States(SEED, 30) as states:
        for _ in states:
            tracer = states.attach('--drop', 'fault')
            o, want = look(tracer, states.pid)
            wrong += len(differing(o, want, lambda r: r['residency'] == 'exact'))
            if wrong:
                break
    check(wrong, 'without faults nothing was wrong')


def ranges_dropped():
    """And without what the module tells nothing may be called exact."""
    with States(SEED, 3) as states:
        for _ in states:
            tracer = states.attach('--drop', 'invalidate')
            o = tracer.settled(states.pid)
            check(not any(r['residency'] == 'exact' for r in o['regions']), 'exact, though nothing was told')


def follows():
    """The module holds an address space: a forked child and an exec are attached anew."""
    p = subprocess.Popen(['/bin/sh', '-c', 'read x; sleep 60 & exec sleep 61'], stdin=subprocess.PIPE,
                         start_new_session=True)
    try:
        with Tracer('-f', '-p', p.pid, interval=INTERVAL) as tracer:
            tracer.settled(p.pid)
            p.stdin.write(b'\n')
            p.stdin.flush()
            seen = {}
            for _ in range(2 * LONG):
                o = tracer.snap()
                pid = o['process']['pid']
                if o['process']['comm'] == 'sleep' and all_exact(o):
                    seen[pid] = o
                    if len(seen) == 2:
                        break
            check(len(seen) == 2 and p.pid in seen, 'exact after fork and exec:', sorted(seen))
            for pid, o in seen.items():
                check(o['residency']['module'], pid, o['residency'])
                equal(differing(o, truth(pid), lambda r: True), [], f'exact in {pid}')
    finally:
        os.killpg(p.pid, 9)
        p.wait()


def doctor_tells():
    """From a page that it dropped, not from the device."""
    o = json.loads(subprocess.run([MEMTRACE, 'doctor', '--json'], stdout=subprocess.PIPE, check=False).stdout)
    row = [e for e in o['events'] if e['event'] == 'invalidate'][0]
    check(row['rung'] == 'module' and row['unseen'] is None, row)


if __name__ == '__main__':
    swap_on()
    main(reconciled, events_alone, *map(with_module, (exact, drops, ranges_dropped, follows, doctor_tells)))
