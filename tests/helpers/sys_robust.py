# SPDX-License-Identifier: GPL-2.0
"""Targets that are odd, gone, or change under memtrace's eyes; memtrace killed, refused, doubled."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from live import (MEMTRACE, PATIENCE, Ended, Skip, TARGETS, Target, Tracer, check, equal, kernel_faults, main, none_lost,
                  same_map, total, inside)

NOBODY = 65534


def memtrace(*args, **kw):
    return subprocess.run([MEMTRACE, *map(str, args)], capture_output=True, timeout=PATIENCE,
                          stdin=subprocess.DEVNULL, **kw)


def refused(p, status, *words):
    """It ended with @status and one line on stderr, which has all of @words."""
    err = p.stderr.decode(errors='replace')
    equal(p.returncode, status, f'exit status ({err.strip()})')
    equal(err.count('\n'), 1, f'lines on stderr: {err}')
    equal(p.stdout, b'', 'stdout')
    for word in words:
        check(word in err, f'"{word}" is not in: {err}')


def no_such_process():
    refused(memtrace('-p', 4194304), 3, '4194304')
    p = memtrace('-p', 4194304, '--json')
    equal(p.returncode, 3, 'exit status')
    o = json.loads(p.stderr)
    equal((o['type'], o['code']), ('error', 3), 'error object')


def exits_now():
    """Between looking it up and tracing it anything may happen: 0 or 3, never a crash or a wait."""
    for i in range(20):
        p = subprocess.Popen(['/bin/sh', '-c', f'for i in $(seq {i * 20}); do :; done'])
        r = memtrace('-p', p.pid, '--json')
        p.wait()
        check(r.returncode in (0, 3), f'exit status {r.returncode}: {r.stderr}')
        check(r.returncode or r.stdout, 'success without a report')


def exits_with_status():
    with Target('identity', '--exit-after', 100) as target:
        target.checkpoint()
        with Tracer('-p', target.pid) as tracer:
            tracer.settled()
            target.next()
            target.go()
            o = tracer.rest()[-1]
            equal(o['ended'], {'how': 'exit', 'status': 7}, 'ended')
            equal(tracer.p.wait(), 0, 'exit status of memtrace')


def replaced(*args, start='identity', wrap=(), comm='faults'):
    """The process becomes tests/targets/faults: another address space, under the same pid."""
    with Target(start, *args, wrap=wrap) as target:
        target.checkpoint()
        with Tracer('-p', target.pid) as tracer:
            tracer.settled()
            target.next()
            target.next()
            o = tracer.settled()
            equal((o['process']['pid'], o['process']['comm']), (target.pid, comm), 'process')
            check(o['process']['exe'].endswith('/' + comm), o['process'])
            same_map(o, target.pid)
            equal([t['tid'] for t in o['threads']], [target.pid], 'threads')
            target.next()
            target.next()
            o = tracer.settled()
            same_map(o, target.pid)
            for rest, keys in target.lines('REGION'):
                equal(total(inside(o, int(rest[0], 16), int(rest[1], 16)), 'faults'), keys['faults'], 'faults')
            equal(o['faults']['seen'] + o['unseen'].get('fault', 0), o['faults']['kernel'], 'sum of faults')
            none_lost(o)
            return target.pid


def execs():
    replaced('--exec', os.path.join(TARGETS, 'faults'))


def execs_from_a_thread():
    replaced('--threads-exec', os.path.join(TARGETS, 'faults'))


def execs_setuid():
    with tempfile.TemporaryDirectory() as tmp:
        os.chmod(tmp, 0o755)
        path = os.path.join(tmp, 'raised')
        shutil.copy(os.path.join(TARGETS, 'faults'), path)
        os.chmod(path, 0o4755)
        start = shutil.copy(os.path.join(TARGETS, 'identity'), tmp)
        os.chmod(start, 0o755)
        if os.statvfs(tmp).f_flag & os.ST_NOSUID:
            raise Skip('no set-user-ID programs in the temporary directory')
        wrap = ('setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups')
        replaced('--exec', path, start=start, wrap=wrap, comm='raised')


def kernel_thread():
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/stat') as f:
                flags = int(f.read().rsplit(')', 1)[1].split()[6])
        except OSError:
            continue
        if flags & 0x200000:
            refused(memtrace('-p', pid), 3, 'kernel thread')
            return
    raise Skip('no kernel thread to be seen')


def child_of(pid):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with open(f'/proc/{pid}/task/{pid}/children') as f:
            kids = f.read().split()
        if kids:
            return int(kids[0])
        time.sleep(0.01)
    raise AssertionError(f'{pid} has no child')


def other_namespaces():
    with Target('faults', wrap=('unshare', '-p', '-m', '-f', '--mount-proc', '--kill-child')) as target:
        target.checkpoint()
        pid = child_of(target.pid)
        with Tracer('-p', pid) as tracer:
            tracer.settled()
            target.next()
            target.next()
            o = tracer.settled()
            equal((o['process']['pid'], o['process']['comm']), (pid, 'faults'), 'process')
            same_map(o, pid)
            for rest, keys in target.lines('REGION'):
                equal(total(inside(o, int(rest[0], 16), int(rest[1], 16)), 'faults'), keys['faults'], 'faults')


def inside_a_namespace():
    """memtrace and its target both in another pid namespace: PIDs are those seen there."""
    script = 'sleep 100 & exec "$0" -p $! --json -i 200ms -d 1s'
    p = subprocess.run(['unshare', '-p', '-m', '-f', '--mount-proc', '--kill-child', '/bin/sh', '-c', script,
                        MEMTRACE], capture_output=True, timeout=PATIENCE)
    equal(p.returncode, 0, f'exit status ({p.stderr.decode()})')
    o = json.loads(p.stdout.splitlines()[-1])
    equal((o['process']['pid'], o['process']['comm']), (2, 'sleep'), 'process')
    check(len(o['regions']) > 5 and o['totals']['resident_bytes'] > 0, 'its memory')


def as_nobody(*args):
    with tempfile.TemporaryDirectory() as tmp:
        os.chmod(tmp, 0o755)
        tool = shutil.copy(MEMTRACE, tmp)
        return subprocess.run([tool, *map(str, args)], capture_output=True, timeout=PATIENCE, user=NOBODY,
                              group=NOBODY, extra_groups=[], cwd=tmp)


def not_root():
    own = subprocess.Popen(['sleep', '100'], user=NOBODY, group=NOBODY, extra_groups=[])
    try:
        refused(as_nobody('-p', own.pid, '--plain'), 4, 'CAP_BPF', 'sudo')
    finally:
        own.kill()
        own.wait()
    p = as_nobody('--plain', '--', 'true')
    equal(p.returncode, 125, 'exit status with a command')
    check(b'CAP_BPF' in p.stderr, p.stderr)


def privileges():
    """What tracing does not need is given up, for good."""
    with subprocess.Popen(['/bin/sleep', '600']) as p:
        with Tracer('-p', p.pid) as t:
            t.snap()
            status = dict(line.split(':\t', 1) for line in open(f'/proc/{t.p.pid}/status') if ':\t' in line)
            caps = int(status['CapPrm'], 16)
            needed = {1 << n for n in (2, 5, 19, 21, 38, 39)}
            check(caps and not caps & ~sum(needed), f'capabilities {caps:#x}')
            equal(int(status['CapEff'], 16), caps, 'effective')
            equal(int(status['CapInh'], 16) | int(status['CapAmb'], 16), 0, 'inherited')
            equal(status['NoNewPrivs'].strip(), '1', 'NoNewPrivs')
            t.settled()
        p.kill()


def two_at_once():
    args = ('--case', 'mixed')
    with Target('faults', *args) as target:
        target.checkpoint()
        with Tracer('-p', target.pid) as one, Tracer('-p', target.pid, interval='300ms') as two:
            first = one.settled(), two.settled()
            before = kernel_faults(target.pid)
            target.next()
            target.next()
            for tracer, then in zip((one, two), first):
                o = tracer.settled()
                now = o['faults']['seen'] + o['unseen'].get('fault', 0)
                was = then['faults']['seen'] + then['unseen'].get('fault', 0)
                equal(now - was, kernel_faults(target.pid) - before, 'seen + unseen')
                none_lost(o)
                same_map(o, target.pid)
            equal(one.stop(), 0, 'exit status')
            equal(two.settled()['process']['pid'], target.pid, 'the other goes on')


def kernel_objects():
    """What of BPF there is: ids of programs, maps and links."""
    tool = shutil.which('bpftool', path=os.environ['PATH'] + ':/usr/sbin:/sbin')
    if not tool:
        raise Skip('bpftool is not installed')
    return {kind: {o['id'] for o in json.loads(subprocess.run([tool, '-j', kind, 'show'], capture_output=True,
                                                              check=True).stdout or '[]')}
            for kind in ('prog', 'map', 'link')}


def gone(before):
    """Waits until nothing is there that was not; the kernel frees some of it later."""
    until = time.monotonic() + PATIENCE
    while True:
        left = {k: v - before[k] for k, v in kernel_objects().items()}
        if not any(left.values()):
            return
        check(time.monotonic() < until, f'left behind: {left}')
        time.sleep(0.1)


def killed():
    before = kernel_objects()
    with Target('faults') as target:
        target.checkpoint()
        with Tracer('-p', target.pid) as tracer:
            tracer.settled()
            now = kernel_objects()
            check(all(now[k] - before[k] for k in now), f'nothing was loaded: {before} {now}')
            tracer.p.kill()
            equal(tracer.p.wait(), -signal.SIGKILL, 'end')
            gone(before)
        equal(target.next()['nr'], 1, 'the target goes on')
        with Tracer('-p', target.pid) as tracer:  # and can be traced again
            tracer.settled()
            equal(tracer.stop(), 0, 'exit status')
        gone(before)


def hostile_name():
    name = 'a\x1b[31m\x1b]0;b\x07\n'
    with Target('identity', '--comm', name) as target:
        target.checkpoint()
        target.next()
        with open(f'/proc/{target.pid}/comm') as f:
            want = f.read()[:-1]
        with Tracer('-p', target.pid) as tracer:
            o = tracer.settled()
            equal(o['process']['comm'], want, 'comm in JSON')
            equal(tracer.stop(), 0, 'exit status')
        for flags in ((), ('--ascii',), ('-v',), ('--color=never',)):
            p = memtrace('-p', target.pid, '-d', '300ms', '-i', '100ms', *flags)
            equal(p.returncode, 0, 'exit status')
            check(f'[{target.pid}]'.encode() in p.stdout, 'no report')
            check(b'\x1b' not in p.stdout + p.stderr and b'\x07' not in p.stdout + p.stderr, 'control bytes')


def zombie():
    p = subprocess.Popen(['sleep', '0'])
    until = time.monotonic() + PATIENCE
    while open(f'/proc/{p.pid}/stat').read().rsplit(')', 1)[1].split()[0] != 'Z':
        check(time.monotonic() < until, 'does not end')
        time.sleep(0.01)
    refused(memtrace('-p', p.pid), 3)
    p.wait()


LEADERLESS = '''
import ctypes, sys, threading, time
def work():
    sys.stdin.readline()
    keep = bytearray(8 << 20)
    print('done', flush=True)
    sys.stdin.readline()
threading.Thread(target=work).start()
print('ready', flush=True)
ctypes.CDLL(None).syscall(60, 0)  # this thread alone
'''


def leaderless(early):
    """The main thread has ended, others go on: the process is not a zombie, whatever its state says."""
    def test():
        code = LEADERLESS if not early else LEADERLESS.replace('print(\'ready\'', 'time.sleep(2); print(\'ready\'')
        p = subprocess.Popen(['/usr/bin/python3', '-c', code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            if not early:
                p.stdout.readline()
                time.sleep(0.2)
            with Tracer('-p', p.pid) as tracer:
                o = tracer.settled()
                if early:
                    p.stdout.readline()
                    o = tracer.settled()
                before = o['totals']['anon_bytes']
                p.stdin.write(b'\n')
                p.stdin.flush()
                p.stdout.readline()
                o = tracer.settled()
                check(o['totals']['anon_bytes'] - before >= 8 << 20, 'its growth was not seen')
                equal(o['ended'], None, 'ended')
                p.stdin.write(b'\n')
                p.stdin.flush()
                o = tracer.rest()[-1]
                check(o['ended'], 'its end was not seen')
                equal(tracer.p.wait(), 0, 'exit status of memtrace')
        finally:
            p.kill()
            p.wait()
    return f'leader_{"ends" if early else "gone"}', test


if __name__ == '__main__':
    main(no_such_process, exits_now, exits_with_status, execs, execs_from_a_thread, execs_setuid, kernel_thread,
         other_namespaces, inside_a_namespace, not_root, privileges, two_at_once, killed, hostile_name, zombie,
         leaderless(True), leaderless(False))
