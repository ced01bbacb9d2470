# SPDX-License-Identifier: GPL-2.0
"""Pictures at the calls of a function: what the source says must be in them, in its order, and the
program must not notice: as root and, of a command of one's own, as nobody. And reports on a condition.
"""
import json
import os
import shutil
import subprocess
import tempfile
import time

import jsonschema

from live import MEMTRACE, PATIENCE, SLOW, TARGETS, TOP, Skip, Target, check, equal, main

with open(os.path.join(TOP, 'docs', 'schema', 'stacks.schema.json'), encoding='utf-8') as schema:
    SCHEMA = json.load(schema)
SAID = '15 2 0 42 1\n'  # by calls: nobody but itself has sent a signal


NOBODY = 65534


def lower():
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def at(function, *flags, target='calls', status=3, stdin='', nobody=False):
    """The pictures of a command, what it said, what memtrace said."""
    path, memtrace = os.path.join(TARGETS, target), MEMTRACE
    if not os.path.exists(path):
        raise Skip('rustc is not installed')
    with tempfile.TemporaryDirectory() as d:
        if nobody:  # whom no directory of ours lets in
            os.chmod(d, 0o755)
            path, memtrace = shutil.copy(path, d), shutil.copy(memtrace, d)
            os.chown(d, NOBODY, NOBODY)
        out = os.path.join(d, 'pictures')
        p = subprocess.run([memtrace, 'stacks', '--at', function, *map(str, flags), '--vars', '--json', '-o', out, '--',
                            path], capture_output=True, text=True, timeout=PATIENCE, input=stdin,
                           preexec_fn=lower if nobody else None)
        equal(p.returncode, status, f'exit status ({p.stderr.strip()})')
        with open(out, encoding='utf-8') as f:
            pictures = [json.loads(line) for line in f]
    for o in pictures:
        jsonschema.validate(o, SCHEMA)
        equal(len(o['threads']), 1, 'threads in a picture')
    return pictures, p.stdout, p.stderr


def sequence(pictures):
    return [(o['at']['what'], o['at']['call']) for o in pictures]


def top(o):
    """(function, its variables) of the innermost frame."""
    f = o['threads'][0]['frames'][0]
    return f['function'], {v['name']: v['value'] for v in f['vars']}


def functions(o, module):
    return [f['function'] for f in o['threads'][0]['frames'] if f['module'] == module]


def both(test):
    """The same as root, by uprobes, and as nobody, by debug registers."""
    return (test.__name__, test), (f'{test.__name__}_as_nobody', lambda: test(nobody=True))


def a_call(**who):
    pictures, out, _ = at('add', **who)
    equal(out, SAID, 'output of the program')
    equal(sequence(pictures), [('call', 1), ('entry', 1), ('return', 1)], 'pictures')
    before, inside, after = pictures
    equal(functions(before, 'calls')[0], 'main', 'innermost before the call')
    fn, v = top(before)
    equal((v['a'], v['b']), ('5', '10'), 'variables of main')
    fn, v = top(inside)
    equal((fn, v['x'], v['y']), ('add', '5', '10'), 'parameters')
    equal(functions(inside, 'calls')[:2], ['add', 'main'], 'add on top of main')
    # the very frame of main, with its size and at its place
    equal(inside['threads'][0]['frames'][1]['cfa'], before['threads'][0]['frames'][0]['cfa'], "main's frame")
    fn, v = top(after)
    equal((fn, v['a'], v['b'], v['sum']), ('main', '5', '10', '15'), 'main with the result')
    equal(after['threads'][0]['stack']['depth_bytes'], before['threads'][0]['stack']['depth_bytes'], 'depth')


def in_a_thread(**who):
    pictures, out, _ = at('add', '--count', 2, **who)
    equal(out, SAID, 'output of the program')
    equal(sequence(pictures), [(w, n) for n in (1, 2) for w in ('call', 'entry', 'return')], 'pictures')
    equal([o['threads'][0]['tid'] == o['pid'] for o in pictures], [True] * 3 + [False] * 3, 'thread')
    equal(top(pictures[5])[1]['sum'], '42', 'result')


def recursion(**who):
    """fib(3): 3 → 2 → 1, 0 → 1: calls and returns as they nest."""
    pictures, out, _ = at('fib', '--count', 100, **who)
    equal(out, SAID, 'output of the program')
    seen = [(o['at']['what'], o['at']['call']) for o in pictures if o['at']['what'] != 'call']
    equal(seen, [('entry', 1), ('entry', 2), ('entry', 3), ('return', 3), ('entry', 4), ('return', 4), ('return', 2),
                 ('entry', 5), ('return', 5), ('return', 1)], 'calls and returns')
    entries = {o['at']['call']: top(o)[1]['n'] for o in pictures if o['at']['what'] == 'entry'}
    equal(entries, {1: '3', 2: '2', 3: '1', 4: '0', 5: '1'}, 'parameter of each')
    last = [o for o in pictures if o['at'] == {'function': 'fib', 'what': 'return', 'call': 1}][0]
    equal(top(last)[1]['third'], '2', 'result')


def never_returns(**who):
    """A call that is left by longjmp has no return, and the next one has its own."""
    pictures, out, _ = at('leaves', '--count', 2, **who)
    equal(out, SAID, 'output of the program')
    equal(sequence(pictures), [('call', 1), ('entry', 1), ('call', 2), ('entry', 2), ('return', 2)], 'pictures')


def in_rust(**who):
    pictures, out, _ = at('add', target='lesson_rs', status=0, stdin='x', **who)
    equal(out, 'ready\n', 'output of the program')
    equal([w for w, _ in sequence(pictures)], ['call', 'entry', 'return'], 'pictures')
    equal(top(pictures[1]), ('lesson_rs::add', top(pictures[1])[1]), 'function')
    equal((top(pictures[1])[1]['x'], top(pictures[1])[1]['y']), ('5', '10'), 'parameters')
    equal(top(pictures[2])[1]['sum'], '15', 'result')


def forks(**who):
    """Processes that it makes are left alone and do not die, and threads at the same place are told apart."""
    alone = subprocess.run([os.path.join(TARGETS, 'forks')], capture_output=True, text=True, timeout=PATIENCE).stdout
    equal(alone.splitlines()[-1], 'traps 1', 'its own SIGTRAP')
    for count in (1, 40):
        pictures, out, _ = at('add', '--count', count, target='forks', status=0, **who)
        equal(out, alone, 'what it says, as when nobody looks')
        seen = sequence(pictures)
        equal([n for w, n in seen if w == 'entry'], list(range(1, count + 1)), 'calls')
        equal(sorted(n for w, n in seen if w == 'return'), list(range(1, count + 1)), 'returns')
        equal(len({o['pid'] for o in pictures}), 1, 'processes')
        entered = {o['at']['call']: o['threads'][0]['tid'] for o in pictures if o['at']['what'] == 'entry'}
        for o in pictures:
            equal(o['threads'][0]['tid'], entered[o['at']['call']], 'thread of a call')
            if o['at']['what'] == 'entry':
                fn, v = top(o)
                equal((fn, v['y']), ('add', '2' if o['at']['call'] == 1 else '1'), 'the second parameter')


def killed_as_nobody():
    """A command of one's own ends with memtrace: it would not get over the breakpoints."""
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        memtrace, path = shutil.copy(MEMTRACE, d), shutil.copy(os.path.join(TARGETS, 'patience'), d)
        p = subprocess.Popen([memtrace, 'stacks', '--at', 'wait_once', '--count', '100000', '--json', '--', path,
                              '--wait-ms', '10'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, preexec_fn=lower)
        line = p.stderr.readline()
        check(b'"stacks"' in line, f'no picture: {line}')
        p.kill()
        said = p.stdout.read()  # both have it open, and it ends with the last of them
        check(b'DONE' not in said, f'the command came to its own end: {said}')
        equal(p.wait(PATIENCE), -9, 'end of memtrace')


def of_a_process():
    """One that is there already: its sleeping threads are not woken, and it goes on without us."""
    if not os.path.exists('/sys/bus/event_source/devices/uprobe'):
        raise Skip('this kernel has no uprobes')
    with Target('patience', '--wait-ms', 50) as target:
        target.checkpoint()
        for _ in range(3):
            p = subprocess.run([MEMTRACE, 'stacks', '-p', str(target.pid), '--at', 'wait_once', '--count', '10', '--json'],
                               capture_output=True, text=True, timeout=PATIENCE)
            equal(p.returncode, 0, f'exit status ({p.stderr.strip()})')
            pictures = [json.loads(line) for line in p.stdout.splitlines()]
            what = [w for w, _ in sequence(pictures)]
            equal((what.count('entry'), what.count('return')), (10, 10), 'pictures')
            for o in pictures:
                frames = [f for f in o['threads'][0]['frames'] if not f['inlined']]
                equal(frames[0]['function'], 'wait_once' if o['at']['what'] == 'entry' else 'waiter', 'function')
        with open(f'/proc/{target.pid}/status', encoding='utf-8') as f:
            check('TracerPid:\t0\n' in f.read(), 'it is still held')
        equal(target.next()['what'], 'DONE', 'end')
        lines = [k for _, k in target.lines('PATIENCE')]
        equal(len(lines), 5, 'kinds of waiting')
        for k in lines:
            equal(k['interrupted'], 0, f'{k["kind"]}: interrupted')
            if SLOW == 1:  # an emulated clock is not that exact
                equal(k['early'], 0, f'{k["kind"]}: early')


def killed():
    """When memtrace dies, whenever that is, the program goes on as if it had never been there."""
    with Target('patience', '--wait-ms', 1) as target:
        target.checkpoint()
        for i in range(10):
            p = subprocess.Popen([MEMTRACE, 'stacks', '-p', str(target.pid), '--at', 'wait_once', '--count', '100000',
                                  '--json'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            for _ in range(i + 1):
                p.stdout.readline()
            p.kill()
            p.communicate()
            equal(target.p.poll(), None, 'the program')
        equal(target.next()['what'], 'DONE', 'end')


def refused():
    _, out, err = at('no_such_function', status=125)
    equal(out, SAID, 'output of the program')
    check(json.loads(err)['text'].startswith('there is no function no_such_function'), err)
    _, out, err = at('no_such_function', status=125, nobody=True)
    equal(out, SAID, 'output of the program')
    for args, status in ((['--at', 'x', '--count', '0', '--', 'true'], 2), (['--count', '2', '-p', '1'], 2),
                         (['--', 'true'], 2), (['--at', 'main', '--', '/no/such/program'], 127)):
        p = subprocess.run([MEMTRACE, 'stacks', *args], capture_output=True, text=True, timeout=PATIENCE)
        equal(p.returncode, status, f'exit status of {args} ({p.stderr.strip()})')


def on_a_condition():
    """A thread that goes down its stack: told when there is little room, and not before."""
    with Target('stacks', '--threads', 1, '--depth', 7 << 20, '--step', 0) as target:
        target.checkpoint()
        equal(target.next()['stage'], 'started', 'stage')
        args = [MEMTRACE, 'stacks', '-p', str(target.pid), '--when', 'headroom < 20%', '-i', '100ms', '--json']
        p = subprocess.Popen(args, stdout=subprocess.PIPE, text=True)
        time.sleep(0.5)
        equal(p.poll(), None, 'it waits')
        equal(target.next()['stage'], 'deepest', 'stage')
        out, _ = p.communicate(timeout=PATIENCE)
        equal(p.returncode, 0, 'exit status')
        lines = out.splitlines()
        equal(len(lines), 1, 'reports')
        o = json.loads(lines[0])
        least = min(t['stack']['headroom_bytes'] / t['stack']['limit_bytes'] for t in o['threads'])
        check(least < 0.2, f'{least} of a stack is free')
        p = subprocess.run([*args[:-4], 'head < 2', '--json'], capture_output=True, text=True, timeout=PATIENCE)
        equal(p.returncode, 2, f'exit status of a wrong condition: {p.stderr}')


if __name__ == '__main__':
    main(*both(a_call), *both(in_a_thread), *both(recursion), *both(never_returns), *both(in_rust), *both(forks),
         of_a_process, killed, killed_as_nobody, refused, on_a_condition)
