// SPDX-License-Identifier: GPL-2.0
// Leaks through Rust's Vec: grow_rs --mib N --ms N --seed N
use std::thread::sleep;
use std::time::{Duration, Instant};

const PAGE: u64 = 4096;

struct Sessions {
    all: Vec<Vec<u8>>,
    rnd: u64,
}

impl Sessions {
    /// What it keeps, in whole pages: each is a mapping of its own, with malloc's 16 bytes before it.
    #[inline(never)]
    fn leak_vec(&mut self) -> u64 {
        self.rnd = self.rnd.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let size = (160 + (self.rnd >> 33) % 500) * 1024;
        let mut v = Vec::with_capacity(size as usize);

        v.resize(size as usize, 0x5a);
        self.all.push(v);
        (size + 16 + PAGE - 1) / PAGE * PAGE
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let arg = |name: &str, or: u64| {
        args.iter().position(|a| a == name).and_then(|i| args[i + 1].parse().ok()).unwrap_or(or)
    };
    let (mib, steps) = (arg("--mib", 16), arg("--ms", 2000) / 10);
    let mut sessions = Sessions { all: Vec::with_capacity(4096), rnd: arg("--seed", 1) };
    let (start, mut kept) = (Instant::now(), 0);

    for i in 1..=steps {
        while kept < (mib << 20) * i / steps {
            kept += sessions.leak_vec();
        }
        let until = Duration::from_millis(10 * i);
        sleep(until.saturating_sub(start.elapsed()));
    }
    println!("TRUTH function=leak_vec bytes={}", kept);
    std::mem::forget(sessions); // it is there at the end
}
