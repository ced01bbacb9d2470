# SPDX-License-Identifier: GPL-2.0
"""Attaching to processes that are at full speed, again and again: no gap, nothing counted twice.

Events come while the first reading of the map is made, which therefore is torn. Once the process
is stopped, the report must be what the kernel says: the map, its size, the pages, the threads.
"""
import os
import time

from live import (PAGE, PATIENCE, Target, Tracer, check, equal, kernel_faults, main, none_lost, same_map, smaps, span,
                  statm_virtual, stop_process, virtual)

ROUNDS = 4


def pages_off(o, pid):
    truth = smaps(pid)
    for r in o['regions']:
        if r['kind'] in ('vvar', 'vsyscall') or span(r) not in truth:
            continue
        rss = truth[span(r)]['Rss']
        if abs((r['resident_bytes'] or 0) - rss) > max(rss // 100, 4 * PAGE):
            return 'resident:', r, 'smaps:', rss
    return None


def check_pages(tracer, o, pid):
    """khugepaged works on a stopped process, too: what it did since the report the next one has."""
    off = pages_off(o, pid)
    for _ in range(5):
        if not off:
            return
        o = tracer.settled()
        off = pages_off(o, pid)
    check(not off, off)


def check_stopped(o, pid):
    same_map(o, pid)
    equal(virtual(o), statm_virtual(pid), 'virtual size')
    threads = sorted(int(t) for t in os.listdir(f'/proc/{pid}/task'))
    equal(sorted(t['tid'] for t in o['threads']), threads, 'threads')


def attach(name, *args, pages=False):
    """Attach at any moment, run along, stop, compare; the same again."""
    def test():
        with Target(name, *args, sync=False) as target:
            time.sleep(0.3)
            for _ in range(ROUNDS):
                with Tracer('-p', target.pid) as tracer:
                    for _ in range(4):
                        o = tracer.snap()
                    check(target.p.poll() is None, 'the target ended too early')
                    stop_process(target.pid)
                    # twice off in a row asks for a reading of the map; then it must stay right
                    for _ in range(4):
                        o = tracer.settled()
                    check_stopped(o, target.pid)
                    none_lost(o)
                    seen, unseen = o['faults']['seen'], o['unseen'].get('fault', 0)
                    equal(seen + unseen, o['faults']['kernel'], 'seen + unseen')
                    check(seen > 0, 'no fault seen')
                    print(f'# {o["events"]} events, map {o["map_checks"]}, unseen {unseen} of {seen + unseen}')
                    equal(o['map_checks']['differences'], 0, 'differences between the map and events')
                    if pages:
                        check_pages(tracer, o, target.pid)
                    os.kill(target.pid, 18)
    return f'attach_{name}', test


def born_and_dying():
    """Threads come and go while the task iterator runs."""
    code = '''
import threading
def work():
    bytearray(200000)
while True:
    ts = [threading.Thread(target=work) for _ in range(20)]
    for t in ts: t.start()
    for t in ts: t.join()
'''
    with Target('/usr/bin/python3', '-c', code, sync=False) as target:
        time.sleep(0.5)
        for _ in range(ROUNDS):
            with Tracer('-p', target.pid) as tracer:
                for _ in range(4):
                    tracer.snap()
                stop_process(target.pid)
                for _ in range(4):
                    o = tracer.settled()
                check_stopped(o, target.pid)
                check_pages(tracer, o, target.pid)
                os.kill(target.pid, 18)


def vforked():
    """The child of a vfork, born before the attach, changes its parent's map: by events alone it is right."""
    with Target('vforked') as target:
        target.checkpoint()
        with Tracer('-p', target.pid, '--reconcile=off') as tracer:
            before = tracer.settled()
            same_map(before, target.pid)
            target.next()
            o = tracer.settled()
            same_map(o, target.pid)
            none_lost(o)
            check(len(o['regions']) > len(before['regions']) + 20, 'the child has mapped nothing')


def read_again():
    """The map is read again and again while it changes: what differs is on its way, each time."""
    with Target('randops', '--ops', 1 << 40, sync=False) as target:
        with Tracer('-p', target.pid, '--reconcile=always') as tracer:
            o = tracer.snap()
            while o['map_checks']['reads'] < 6:
                o = tracer.snap()
                check(target.p.poll() is None, 'the target ended too early')
            stop_process(target.pid)
            at = o['map_checks']['reads']
            while o['map_checks']['reads'] < at + 2:
                o = tracer.snap()
            print(f'# {o["events"]} events, map {o["map_checks"]}')
            same_map(o, target.pid)
            none_lost(o)
            equal(o['map_checks']['differences'], 0, 'differences between the map and events')


def many_vmas():
    """20,000 regions and 200 threads."""
    with Target('manyvmas', '--vmas', 20000, '--threads', 200) as target:
        target.checkpoint()
        with Tracer('-p', target.pid) as tracer:
            for _ in range(2):
                o = tracer.settled()
            check_stopped(o, target.pid)


if __name__ == '__main__':
    main(attach('faultstorm', '--rounds', 1 << 40, '--pages', 5000, pages=True),
         attach('mapstorm', '--pairs', 1 << 40, '--threads', 2, '--touch'),
         attach('randops', '--ops', 1 << 40), read_again, born_and_dying, vforked, many_vmas)
