# SPDX-License-Identifier: GPL-2.0
"""Faults that memtrace saw, and those it says it did not see, against the kernel's own count.

The truth is /proc/PID/stat and getrusage, read by the test and by the target itself. On the
tracepoint rung what raises no exception is not seen one by one: it must be told as unseen, to the
fault. On the fentry rung nothing may be unseen.
"""
import os

from live import PAGE, Target, Tracer, check, equal, inside, kernel_faults, main, none_lost, span, total

# how much each case touches; and which of its regions raise no exception
PAGES = {'thp': 4096, 'retry': 300}
SILENT = {'populate', 'populate_write', 'populate_read', 'mlock'}


def regions(target):
    """REGION lines as (start, end, name, {keys})."""
    return [(int(rest[0], 16), int(rest[1], 16), rest[3], keys) for rest, keys in target.lines('REGION')]


def check_sums(o, want):
    """Seen + unseen = the kernel's; nothing lost."""
    seen, unseen = o['faults']['seen'], o['unseen'].get('fault', 0)
    none_lost(o)
    check(seen > 0, 'memtrace saw no fault')
    equal(seen + unseen, want, f'seen {seen} + unseen {unseen} against the kernel')
    equal(o['faults']['minor'] + o['faults']['major'], seen, 'minor + major')
    return unseen


def check_region(o, before, start, end, name, keys):
    """A region whose faults the target knows. Returns how many of them must be unseen."""
    seen = total(inside(o, start, end), 'faults') - total(inside(before, start, end), 'faults')
    counted = keys['minor'] + keys['major']
    silent = name in SILENT and o['rung'] == 'tracepoint'
    if silent:
        check(seen <= 1, f'{name}: {seen} faults seen that raise no exception')
        return counted
    if name == 'storm':  # mapped anew each second round; the target's figures are its threads'
        if is_region(o, start, end):
            equal(seen, keys['pages'], f'{name}: faults seen in the last mapping')
        return 0
    if 'faults' in keys and 'error' not in keys:
        equal(seen, keys['faults'], f'{name}: faults seen in the region')
    if 'error' not in keys and name != 'userfaultfd':
        # the loop around the touching may fault a time or two elsewhere
        check(seen <= counted + 2, f'{name}: {seen} seen, {counted} counted')
        check(seen >= counted - 8, f'{name}: {seen} seen, {counted} counted')
    return 0


def is_region(o, start, end):
    """Not when the kernel has merged it with a thread's stack beside it."""
    return any(span(r) == (start, end) for r in o['regions'])


def check_resident(o, start, end, name, keys):
    if 'pages' in keys and is_region(o, start, end):
        equal(total(inside(o, start, end), 'resident_bytes'), keys['pages'] * PAGE, f'{name}: resident')


def resident_in_the_end(tracer, o, target):
    """Pages that came while they were counted are counted again, and that has a budget an interval."""
    for left in range(20, -1, -1):
        try:
            for start, end, name, keys in regions(target):
                check_resident(o, start, end, name, keys)
            return
        except AssertionError:
            if not left:
                raise
            o = tracer.settled()


def case(name, *args, label=None, flags=()):
    def test():
        pages = ['--pages', PAGES[name]] if name in PAGES else []
        with Target('faults', '--case', name, *pages, *args) as target:
            target.checkpoint()
            with Tracer('-p', target.pid, *flags) as tracer:
                first = tracer.settled()
                from_kernel = kernel_faults(target.pid)
                equal(first['process']['pid'], target.pid, 'pid')
                base = first['faults']['seen'] + first['unseen'].get('fault', 0)
                target.next()
                before = tracer.settled()
                last = target.next()
                after = tracer.settled()
                unseen = check_sums(after, base + kernel_faults(target.pid) - from_kernel)
                unseen_before = before['unseen'].get('fault', 0)
                own = (after['faults']['seen'] + unseen) - (before['faults']['seen'] + unseen_before)
                # getrusage is called twice in between; printing may touch a page
                check(0 <= own - last['minor'] - last['major'] <= 8,
                      f"the target's own count is {last['minor']} + {last['major']}, ours {own}")
                silent = 0
                for start, end, region, keys in regions(target):
                    silent += check_region(after, before, start, end, region, keys)
                resident_in_the_end(tracer, after, target)
                equal(unseen - unseen_before, silent, 'unseen, of those that raise no exception')
                check(after['rung'] != 'fentry' or not unseen, f'{unseen} unseen on the fentry rung')
                target.go()
                tracer.rest()
                equal(tracer.p.wait(), 0, 'exit status of memtrace')
    return f'faults_{label or name}', test


def loss_is_told():
    """A ring too small for a storm: what is lost is counted, and the rest is still right."""
    args = ('--case', 'storm', '--threads', 2, '--pages', 20000, '--rounds', 20)
    with Target('faults', *args) as target:
        target.checkpoint()
        with Tracer('-p', target.pid, '--ring', '64K') as tracer:
            first = tracer.settled()
            from_kernel = kernel_faults(target.pid)
            base = first['faults']['seen'] + first['unseen'].get('fault', 0)
            target.next()
            target.next()
            o = tracer.settled()
            seen, unseen = o['faults']['seen'], o['unseen'].get('fault', 0)
            check(sum(o['lost'].values()) > 0, 'nothing lost with a ring of 64K')
            check(unseen > 0, 'faults were lost, but none is unseen')
            equal(seen + unseen, base + kernel_faults(target.pid) - from_kernel, 'seen + unseen')
            check(o['map_checks']['reads'] > 0, 'the map was not read again')
            resident_in_the_end(tracer, o, target)


def lockstep():
    """Threads that fault at the same moments on their CPUs: each one's bytes are its own, by events alone."""
    args = ('--case', 'lockstep', '--threads', min(os.cpu_count(), 4), '--pages', 20000)
    with Target('faults', *args) as target:
        target.checkpoint()
        with Tracer('-p', target.pid, '--reconcile=off') as tracer:
            tracer.settled()
            target.next()
            tracer.settled()
            target.next()
            o = tracer.settled()
            none_lost(o)
            for start, end, name, keys in regions(target):
                check(is_region(o, start, end), f'{name}: no region of its own')
                equal(total(inside(o, start, end), 'faults'), keys['faults'], f'{name}: faults')
                check_resident(o, start, end, name, keys)


CASES = ('plain', 'plainread', 'readinto', 'populate', 'madvpopulate', 'mlock', 'vmwritev', 'cow', 'filemap',
         'thp', 'dontneed', 'retry', 'mixed')

if __name__ == '__main__':
    main(*[case(c) for c in CASES], case('storm', '--threads', 2, '--pages', 20000, '--rounds', 20),
         # one round: after a munmap the new mapping may join the thread's stack beside it for a moment, and
         # takes a share of the faults there along
         case('storm', '--threads', 2, '--pages', 20000, '--rounds', 1, label='no_storage', flags=('--drop', 'storage')),
         lockstep, loss_is_told)
