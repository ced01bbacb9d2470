# SPDX-License-Identifier: GPL-2.0
"""memtrace -- CMD: its status, its descriptors, its user; -f, -n, -o, -d; ends of all sorts."""
import json
import os
import select
import signal
import subprocess
import tempfile
import time

from live import (MEMTRACE, PATIENCE, TARGETS, Skip, Target, Tracer, check, equal, inside, main, none_lost, same_map, total)

NOBODY = 65534


def memtrace(*args, data=None, **kw):
    kw.setdefault('stdout', subprocess.PIPE)
    return subprocess.run([MEMTRACE, *map(str, args)], stderr=subprocess.PIPE, timeout=PATIENCE, input=data, **kw)


def exit_status():
    for script, want in (('exit 0', 0), ('exit 7', 7), ('exit 255', 255), ('kill -TERM $$', 143),
                         ('kill -KILL $$', 137), ('kill -SEGV $$', 139)):
        for flags in ((), ('--json',), ('-q',)):
            equal(memtrace(*flags, '--', '/bin/sh', '-c', script).returncode, want, f'{script} {flags}')


def cannot_run():
    p = memtrace('--', '/no/such/program')
    equal(p.returncode, 127, 'exit status')
    check(b'/no/such/program' in p.stderr, p.stderr)
    p = memtrace('--', 'no-such-program')
    equal(p.returncode, 127, 'exit status')
    p = memtrace('--', '/etc/passwd')
    equal(p.returncode, 126, 'exit status')
    check(b'Permission denied' in p.stderr, p.stderr)


def its_descriptors():
    """What it reads and writes is its own, byte for byte."""
    text = b'a\0b\x1b[31m\r\n\xff' * 1000
    p = memtrace('--', 'cat', data=text)
    equal((p.returncode, p.stdout == text), (0, True), 'status, same bytes')
    check(b'cat[' in p.stderr, 'no report on stderr')
    with tempfile.TemporaryDirectory() as tmp:
        out, report = os.path.join(tmp, 'out'), os.path.join(tmp, 'report')
        with open(out, 'wb') as f:
            p = memtrace('--json', '-o', report, '--', 'cat', data=text, stdout=f)
        equal((p.returncode, p.stderr), (0, b''), 'status and stderr')
        with open(out, 'rb') as f:
            equal(f.read() == text, True, 'same bytes in the file')
        with open(report) as f:
            last = json.loads(f.read().splitlines()[-1])
        equal((last['process']['comm'], last['ended']), ('cat', {'how': 'exit', 'status': 0}), 'last report')
        equal(os.stat(report).st_mode & 0o777, 0o600, 'mode of the report')


def from_its_first_instruction():
    """Nothing was there before: no byte is older than the trace, each fault of it is known."""
    with tempfile.NamedTemporaryFile() as report:
        wrap = (MEMTRACE, '--json', '-i', '200ms', '-o', report.name, '--')
        with Target('faults', wrap=wrap) as target:
            target.checkpoint()
            target.next()
            target.next()
            target.go()
            equal(target.checkpoint()['what'], 'DONE', 'end of the target')
            said = target.lines('REGION')
            equal(target.wait(), 0, 'exit status')
            snaps = [json.loads(line) for line in report.read().splitlines()]
    o = snaps[-1]
    equal(o['process']['comm'], 'faults', 'process')
    equal(o['before_attach_bytes'], 0, 'before attach')
    none_lost(o)
    check(o['faults']['seen'] > 1000, o['faults'])
    equal(said, [], 'truth lines after the last checkpoint')


def as_another_user():
    with open('/etc/passwd') as f:
        names = {line.split(':')[0]: line.split(':')[2] for line in f}
    if 'nobody' not in names:
        raise Skip('no user nobody')
    env = dict(os.environ, SUDO_USER='nobody', SUDO_UID=names['nobody'])
    equal(memtrace('--', 'id', '-u', env=env).stdout.strip().decode(), names['nobody'], 'user under sudo')
    equal(memtrace('-u', 'root', '--', 'id', '-u', env=env).stdout.strip(), b'0', 'user by -u')
    p = memtrace('-u', 'no-such-user', '--', 'id', '-u')
    equal((p.returncode, p.stdout), (125, b''), 'status and output for a user that does not exist')


def interrupted():
    """Ctrl-C ends the command, too; memtrace says what it saw."""
    for sig in (signal.SIGINT, signal.SIGTERM):
        p = subprocess.Popen([MEMTRACE, '--json', '-i', '100ms', '--', 'sleep', '1000'], stderr=subprocess.PIPE)
        check(json.loads(p.stderr.readline())['process']['comm'] == 'sleep', 'the first report')
        p.send_signal(sig)
        rest = p.stderr.read().splitlines()
        equal(p.wait(PATIENCE), 128 + sig, 'exit status is the command\'s')
        for line in rest:
            json.loads(line)
        check(not subprocess.run(['pgrep', '-P', str(p.pid)], capture_output=True).stdout, 'it runs on')


def signals_end_it():
    with Target('identity') as target:
        target.checkpoint()
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with Tracer('-p', target.pid) as tracer:
                tracer.settled()
                equal(tracer.stop(sig), 0, f'exit status after {sig!r}')
        equal(target.next()['nr'], 1, 'the target goes on')


def duration():
    with Target('identity') as target:
        target.checkpoint()
        p = memtrace('-p', target.pid, '-d', '300ms', '-i', '100ms', '--json')
        equal(p.returncode, 0, 'exit status')
        check(len(p.stdout.splitlines()) >= 2, 'reports')


def follows():
    """-f: children by fork and vfork, and what they become."""
    with Target('identity', '--fork', 3, '--vfork', '--exec', '/bin/true') as target:
        target.checkpoint()
        with Tracer('-f', '-p', target.pid) as tracer:
            tracer.settled()
            target.next()
            kids = {keys['pid']: keys for _, keys in target.lines('CHILD')}
            equal(len(kids), 4, 'children')
            target.go()
            snaps = tracer.rest()
            equal(tracer.p.wait(), 0, 'exit status')
        last = {o['process']['pid']: o for o in snaps}
        equal(set(kids) - set(last), set(), 'children without a report')
        for pid, keys in kids.items():
            equal(last[pid]['ended'], {'how': 'exit', 'status': keys.get('status', 0)}, f'end of {pid}')
            if 'vfork' in keys:
                equal(last[pid]['process']['comm'], 'true', 'what the child became')
            else:
                grown = total(last[pid]['regions'], 'growth_bytes')
                check(last[pid]['faults']['seen'] >= 256, f'faults of {pid}: {last[pid]["faults"]}')
                check(last[pid]['totals']['anon_bytes'] >= 1 << 20 or grown >= 1 << 20, f'growth of {pid}')
        equal(last[target.pid]['process']['comm'], 'true', 'what the parent became')
        for o in snaps:
            none_lost(o)


def does_not_follow():
    with Target('identity', '--fork', 3, '--vfork') as target:
        target.checkpoint()
        with Tracer('-p', target.pid) as tracer:
            tracer.settled()
            target.next()
            o = tracer.settled()
            same_map(o, target.pid)
            target.go()
            equal({o['process']['pid'] for o in tracer.rest()}, {target.pid}, 'processes')


def by_name():
    with Target('identity', '--comm', 'h6-one') as one, Target('identity', '--comm', 'h6-one') as two:
        for target in (one, two):
            target.checkpoint()
            target.next()
        p = memtrace('-n', 'h6-one', '-d', '300ms', '-i', '100ms', '--json')
        equal(p.returncode, 0, 'exit status')
        equal({json.loads(line)['process']['pid'] for line in p.stdout.splitlines()}, {one.pid, two.pid}, 'found')
    p = memtrace('-n', 'no-such-name')
    equal((p.returncode, p.stderr.count(b'\n')), (3, 1), 'status and lines for a name that nobody has')


def full_disk():
    with Target('identity') as target, open('/dev/full', 'wb') as full:
        target.checkpoint()
        for flags in (('--plain',), ('--json',)):
            p = memtrace('-p', target.pid, '-i', '100ms', *flags, stdout=full)
            equal(p.returncode, 1, 'exit status')
            check(b'No space left' in p.stderr, p.stderr)
        p = memtrace('-p', target.pid, '-i', '100ms', '-o', '/no/such/dir/file')
        equal(p.returncode, 1, 'exit status for a file that cannot be made')


def reader_gone():
    """`memtrace | head`: it ends."""
    with Target('identity') as target:
        target.checkpoint()
        p = subprocess.Popen([MEMTRACE, '-p', str(target.pid), '-i', '100ms', '--json'], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        p.stdout.readline()
        p.stdout.close()
        p.wait(PATIENCE)
        check(p.returncode in (0, 1), f'exit status {p.returncode}')


def nobody_reads():
    """A pipe that is full: signals are still heard."""
    with Target('manyvmas', '--vmas', 3000) as target:
        target.checkpoint()
        p = subprocess.Popen([MEMTRACE, '-p', str(target.pid), '-i', '20ms', '--json'], stdout=subprocess.PIPE)
        check(select.select([p.stdout], [], [], PATIENCE)[0], 'memtrace said nothing')
        time.sleep(0.5)
        p.send_signal(signal.SIGINT)
        p.wait(PATIENCE)
        check(p.returncode in (0, 1), f'exit status {p.returncode}')
        p.stdout.close()


def several():
    with Target('identity') as one, Target('faults') as two:
        one.checkpoint()
        two.checkpoint()
        with Tracer('-p', f'{one.pid},{two.pid}') as tracer:
            tracer.settled()
            two.next()
            two.next()
            o = tracer.settled(two.pid)
            for rest, keys in two.lines('REGION'):
                equal(total(inside(o, int(rest[0], 16), int(rest[1], 16)), 'faults'), keys['faults'], 'faults')
            same_map(tracer.settled(one.pid), one.pid)
    with Target('identity') as one:
        one.checkpoint()
        p = memtrace('-p', f'{one.pid},4194304', '-d', '200ms')
        equal(p.returncode, 3, 'status when one of two is not there')


if __name__ == '__main__':
    main(exit_status, cannot_run, its_descriptors, from_its_first_instruction, as_another_user, interrupted,
         signals_end_it, duration, follows, does_not_follow, by_name, full_disk, reader_gone, nobody_reads, several)
