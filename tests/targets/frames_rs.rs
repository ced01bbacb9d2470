// SPDX-License-Identifier: GPL-2.0
//! frames_rs: threads of a Rust program that sleep in stacks of many shapes; for the tests of call stacks.
use std::hint::black_box;
use std::io::Read;
use std::thread;
use std::time::Duration;

struct Walk {
    rnd: u64,
    left: u32,
}

impl Walk {
    fn dice(&mut self) -> u64 {
        self.rnd ^= self.rnd << 13;
        self.rnd ^= self.rnd >> 7;
        self.rnd ^= self.rnd << 17;
        self.rnd
    }

    #[inline(never)]
    fn step(&mut self) -> u64 {
        if self.left == 0 {
            thread::sleep(Duration::from_secs(100_000));
            return 0;
        }
        self.left -= 1;
        1 + match self.dice() % 5 {
            0 => self.array(),
            1 => self.closure(),
            2 => recurse(self, 5),
            3 => self.sorted(),
            _ => generic::<String>(self, String::from("abc")),
        }
    }

    #[inline(never)]
    fn array(&mut self) -> u64 {
        let mut a = [0u64; 100];
        black_box(&mut a)[3] = self.rnd;
        self.step() + black_box(&a)[3]
    }

    #[inline(never)]
    fn closure(&mut self) -> u64 {
        let bonus = vec![1u64, 2, 3];
        let f: Box<dyn FnOnce(&mut Walk) -> u64> = Box::new(move |w| w.step() + bonus[0]);
        f(self)
    }

    #[inline(never)]
    fn sorted(&mut self) -> u64 {
        let mut v: Vec<u64> = (0..30).map(|_| self.dice() % 100).collect();
        let mut once = true;
        v.sort_by(|a, b| {
            if once {
                once = false;
                black_box(self.step());
            }
            a.cmp(b)
        });
        v[0]
    }
}

#[inline(never)]
fn recurse(w: &mut Walk, n: u32) -> u64 {
    let pad = black_box([n as u64; 7]);
    (if n > 0 { recurse(w, n - 1) } else { w.step() }) + pad[3]
}

#[inline(never)]
fn generic<T: AsRef<str>>(w: &mut Walk, s: T) -> u64 {
    let len = s.as_ref().len() as u64;
    w.step() + len
}

fn main() {
    for i in 0..40u64 {
        thread::Builder::new()
            .name(format!("walk-{i}"))
            .spawn(move || {
                let mut w = Walk { rnd: (i + 1).wrapping_mul(0x9e3779b97f4a7c15), left: (i % 9) as u32 };
                black_box(w.step());
            })
            .unwrap();
    }
    println!("ready");
    let mut byte = [0u8; 1];
    let _ = std::io::stdin().read(&mut byte);
}
