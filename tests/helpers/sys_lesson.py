# SPDX-License-Identifier: GPL-2.0
"""The lesson's steps against tests/golden/lesson_*.txt, which are written by hand from the source:
types, sizes and values as the language has them; addresses are numbered in the order in which
they come, so that what is shared, moved or reallocated can be told apart.
"""
import fcntl
import json
import os
import random
import re
import struct
import subprocess
import tempfile
import termios

from live import MEMTRACE, PAGE, PATIENCE, TARGETS, TOP, Skip, Target, Tracer, check, equal, fields, main, total

NR_STEPS = {'lesson_steps': 13, 'lesson_steps_rs': 15}


def program(name):
    path = os.path.join(TARGETS, name)
    if not os.path.exists(path):
        raise Skip('rustc is not installed')
    return path


def extent(to, value):
    """Bytes from there on that belong together."""
    text = re.search('"(.*)"$', value or '')
    chunk = to['chunk_bytes'] - 8 if to['chunk_bytes'] else 0
    return max(to['reserved_bytes'] or 0, to['bytes'] or 1, chunk, len(text[1]) + 1 if text else 0)


def pointed_to(to, places, value=None):
    if not to:
        return ''
    addr = int(to['address'], 16)
    near = [a for a in places if a <= addr < a + places[a][1]]
    if not near:
        places[addr] = (len(places) + 1, extent(to, value))
    base = near[0] if near else addr
    number = f'#{places[base][0]}' + (f'+{addr - base}' if addr > base else '')
    size = f'{to["bytes"]} of {to["reserved_bytes"]} B' if to['reserved_bytes'] is not None else f'{to["bytes"]} B'
    size = '' if to['bytes'] is None else ': ' + size
    return f' -> {to["kind"]} {number}{size}{" FREE" if to["chunk_free"] else ""}'


def described(v, places):
    """A line of the variable, and one of each pointer inside of it."""
    value = re.sub(r'0x[0-9a-f]{2,}', 'ADDRESS', v['value'] or '')
    to = pointed_to(v['points_to'], places, v['value'])
    return [f'  {v["name"]}: {v["type"]} ({v["size_bytes"]} B) = {value}{to}',
            *(f'  {v["name"]}{i["path"]}: {i["type"]}{pointed_to(i["points_to"], places)}' for i in v['pointers'])]


def steps_of(name):
    path = program(name)
    p = subprocess.run([MEMTRACE, 'stacks', '--at', 'look', '--count', str(NR_STEPS[name]), '--vars', '--json', '--',
                        path], capture_output=True, text=True, timeout=PATIENCE)
    equal(p.returncode, 0, f'exit status ({p.stderr[:200]})')
    lines, function, places = [], None, {}
    for o in (json.loads(line) for line in p.stderr.splitlines()):
        frames = [f for f in o['threads'][0]['frames'] if not f['inlined']]
        if o['at']['what'] == 'entry':
            equal({v['name']: v['value'] for v in frames[0]['vars']}, {'step': str(o['at']['call'])}, 'parameter of look')
        if o['at']['what'] != 'call':
            continue
        where = frames[0]['function'].split('::', 1)[-1]
        first = re.split('[:_]', where)[0]  # a thread's function knows the places of the one that started it
        if first != function:
            function, places = first, {}
        lines.append(f'step {o["at"]["call"]} in {where}')
        # in the order of their declaration; each is in one scope only
        for v in frames[0]['vars']:
            lines += described(v, places)
    with open(os.path.join(TOP, 'tests', 'golden', f'{name}.txt'), encoding='utf-8') as f:
        golden = f.read().splitlines()

    def by_step(text):
        out, step = {}, None
        for line in text:
            if line.startswith('step'):
                step = out.setdefault(line, set())
            else:
                step.add(line)
        return out
    got, want = by_step(lines), by_step(golden)
    equal(list(got), list(want), 'steps')
    for step, variables in want.items():
        # what has not been given a value yet may be in scope
        missing = variables - got[step]
        check(not missing, f'{step}: {sorted(missing)} not among {sorted(got[step])}')


def steps_c():
    steps_of('lesson_steps')


def steps_rust():
    steps_of('lesson_steps_rs')


def overflow(name, what, cause, at_least):
    def test():
        path = program(name)
        p = subprocess.run([MEMTRACE, '--json', '-o', '/dev/stdout', '--', path, what], capture_output=True, text=True,
                           timeout=PATIENCE)
        rust = name.endswith('_rs')
        equal(p.returncode, 128 + (6 if rust else 11), 'exit status: Rust aborts')
        o = json.loads(p.stdout.splitlines()[-1])
        crash = o['crash']
        check(crash and crash['stack_overflow'], f'no overflow: {crash}')
        equal((crash['cause']['kind'], crash['cause']['function']), (cause, f'{name}::{what}' if rust else what), 'cause')
        check(crash['cause']['bytes'] >= at_least, f'{crash["cause"]["bytes"]} bytes')
        names = [f['function'] for f in crash['frames']]
        check((f'{name}::main' if rust else 'main') in names, f'call path {names}')
    return f'overflow_{what}_{"rust" if name.endswith("_rs") else "c"}', test


class Spoken:
    """A program that says a line at each stage, and waits for one."""

    def __init__(self, name):
        self.p = subprocess.Popen([program(name)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self.p.pid

    def checkpoint(self):
        return fields(self.p.stdout.readline().split())

    def next(self):
        self.p.stdin.write('\n')
        self.p.stdin.flush()
        return self.checkpoint()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.p.kill()
        self.p.communicate()


def present(pid):
    """Bytes of the heap that are there, by /proc/PID/pagemap."""
    nr = 0
    with open(f'/proc/{pid}/maps', encoding='utf-8') as f, open(f'/proc/{pid}/pagemap', 'rb') as pagemap:
        for line in f:
            if line.rstrip().endswith('[heap]'):
                start, end = (int(a, 16) // PAGE for a in line.split()[0].split('-'))
                pagemap.seek(start * 8)
                nr += sum(word >> 63 for word, in struct.iter_unpack('Q', pagemap.read((end - start) * 8)))
    return nr * PAGE


def list_against_array(name, make):
    """Both hold the same numbers; how many pages each has touched is memtrace's figure, the kernel's and the program's."""
    def test():
        with make() as target:
            equal(target.checkpoint()['stage'], 'ready', 'stage')
            grown = {}
            with Tracer('-p', target.pid) as tracer:
                before = total([r for r in tracer.settled()['regions'] if r['kind'] == 'heap'], 'resident_bytes')
                equal(before, present(target.pid), 'heap at the beginning, against pagemap')
                for stage in ('array', 'list'):
                    said = target.next()
                    equal(said['stage'], stage, 'stage')
                    now = total([r for r in tracer.settled()['regions'] if r['kind'] == 'heap'], 'resident_bytes')
                    equal(now, present(target.pid), f'heap with the {stage}, against pagemap')
                    grown[stage] = (now - before) // PAGE, said['pages']
                    before = now
            print(f'# {name}: pages touched (memtrace), pages its elements are on (itself): {grown}')
            for stage, (touched, own) in grown.items():
                # what lies on the first one or behind the last one may have been there, or is malloc's own
                check(abs(touched - own) <= 3, f'{stage}: {touched} pages touched, {own} used')
            check(grown['list'][0] > 7 * grown['array'][0], f'a list is not that much larger: {grown}')
    return f'list_against_array_{name}', test


PICTURE = r"""
 STACK +HEAP, DATA, CODE
 ┌ 0 .*
 ├ \d+ add  lesson.c:\d+ ─+┤ variables 12 B, frame 48 B
 │ x: int \(4 B\) = 5 +│
 │ y: int \(4 B\) = 10 +│
 │ sum: int \(4 B\) = 15 +│
 ├ \d+ pointers  lesson.c:\d+ ─+┤ variables 170 B, frame 208 B
 │ u: struct user \* \(8 B\) +┼─► #\d+ stack thread \d+ frame \d+ [0-9a-f]+: 40 B
 │ numbers: int\[5\] \(20 B\) = \[1, 2, 3, 4, 5\] +│
 │ literal: const char \* \(8 B\) +┼─► #\d+ rodata lesson greeting [0-9a-f]+ "hello from .rodata": 1 B
 │ to_data: int \* \(8 B\) +┼─► #\d+ data lesson counter [0-9a-f]+: 4 B
 │ none: int \* \(8 B\) = 0x0 +┼─► nothing
 │ wild: int \* \(8 B\) +┼─► #\d+ unmapped 10: 4 B
 │ list: struct node \* \(8 B\) +┼─► #\d+ heap \[heap\] [0-9a-f]+: 16 B, chunk 32 B
 │   \.note: const char \* \(8 B\) +┼─► #\d+ again: rodata lesson greeting [0-9a-f]+ "hello.*
 ├ \d+ main  lesson.c:\d+ ─+┤ variables 76 B, frame \d+ B
 └─+┘
"""


def picture():
    """Two columns, on a wide terminal; and within 80 ASCII columns where there is none."""
    try:
        import pty
    except ImportError:
        raise Skip('python has no pty here') from None
    with Target('lesson') as target:
        target.checkpoint()
        args = [MEMTRACE, 'stacks', '-p', str(target.pid), '--vars']
        pid, fd = pty.fork()
        if not pid:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('4H', 50, 160, 0, 0))
            os.execve(MEMTRACE, args, dict(os.environ, NO_COLOR='1'))
        out = b''
        try:
            while chunk := os.read(fd, 65536):
                out += chunk
        except OSError:
            pass
        equal(os.waitpid(pid, 0)[1], 0, 'exit status')
        os.close(fd)
        lines = out.decode().replace('\r', '').splitlines()
        at = 0
        for want in PICTURE.strip('\n').splitlines():
            found = [i for i in range(at, len(lines)) if re.fullmatch(want, lines[i])]
            check(found, f'no line {want!r} from line {at} on in', *('\n' + line for line in lines))
            at = found[0] + 1
        widths = {len(line) for line in lines if line.startswith((' ┌', ' ├', ' └')) and ' variables' not in line
                  and ' frame' not in line}
        equal(len(widths), 1, f'edges in one column: {widths}')
        narrow = subprocess.run([*args, '--ascii'], capture_output=True, timeout=PATIENCE).stdout.decode('ascii')
        check('|->' in narrow and '+ 0 ' in narrow, narrow)
        cells = [line for line in narrow.splitlines() if line.startswith(' |')]
        check(cells and max(map(len, cells)) <= 80, f'{max(map(len, cells))} columns')


def sections(elf):
    """{name: (offset, size)} of an ELF file."""
    e_shoff, = struct.unpack_from('<Q', elf, 0x28)
    size, nr, names = struct.unpack_from('<3H', elf, 0x3a)
    head = [struct.unpack_from('<IIQQQQ', elf, e_shoff + i * size) for i in range(nr)]
    strings = head[names][4]
    return {elf[strings + h[0]:elf.index(b'\0', strings + h[0])].decode(): h[4:6] for h in head if h[1] != 8}


def corrupt():
    """Debug information, symbols and unwind tables in which bytes were changed: an answer or an error, no crash."""
    with open(os.path.join(TARGETS, 'lesson'), 'rb') as f:
        good = f.read()
    where = [s for name, s in sections(good).items()
             if s[1] and (name.startswith('.debug') or name in ('.symtab', '.strtab', '.eh_frame', '.eh_frame_hdr'))]
    check(len(where) >= 8, 'hardly any sections')
    long = 'MEMTRACE_TEST_LONG' in os.environ
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, 'lesson')
        for seed in range(400 if long else 12):
            dice = random.Random(seed)
            bad = bytearray(good)
            for _ in range(1 << dice.randrange(12)):
                start, size = dice.choice(where)
                bad[start + dice.randrange(size)] = dice.choice((0, 1, 0x7f, 0x80, 0xff, dice.randrange(256)))
            with open(path, 'wb') as f:
                f.write(bad)
            os.chmod(path, 0o755)
            with Target(path) as target:
                target.checkpoint()
                p = subprocess.run([MEMTRACE, 'stacks', '-p', str(target.pid), '--vars', '--json'], capture_output=True,
                                   timeout=PATIENCE * 2)
                check(p.returncode in (0, 1), f'seed {seed}: exit status {p.returncode}: {p.stderr[-500:]}')
                if not p.returncode:
                    equal(json.loads(p.stdout)['pid'], target.pid, f'seed {seed}: pid')
            os.remove(path)


if __name__ == '__main__':
    main(steps_c, steps_rust, picture,
         *(overflow(name, what, cause, 7 << 20) for name in NR_STEPS
           for what, cause in (('big', 'large_frame'), ('endless', 'recursion'))),
         list_against_array('c', lambda: Target('lesson_list')),
         list_against_array('rust', lambda: Spoken('lesson_list_rs')),
         corrupt)
