// SPDX-License-Identifier: GPL-2.0
//! rustload: growth as a Rust program grows. `rustload [SECONDS]` (10), then `DONE`.
//!
//! Vec pushes that double, Strings that are kept in a HashMap, two named threads. At most about
//! 200 MB: what reaches its bound starts again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(50);
const VEC_MAX: usize = 8_000_000;
const MAP_MAX: usize = 200_000;

fn push_samples(samples: &mut Vec<u64>, nr: usize) {
    for i in 0..nr {
        samples.push(i as u64);
    }
    if samples.len() > VEC_MAX {
        *samples = Vec::new();
    }
}

fn insert_sessions(sessions: &mut HashMap<String, String>, next: &mut usize, nr: usize) {
    for _ in 0..nr {
        let key = format!("session-{:08}", *next);
        let value = "x".repeat(64 + *next % 192);
        sessions.insert(key, value);
        *next += 1;
    }
    if sessions.len() > MAP_MAX {
        sessions.clear();
        sessions.shrink_to_fit();
    }
}

fn worker(stop: Arc<AtomicBool>) {
    let mut lines: Vec<String> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        for i in 0..1000 {
            lines.push(format!("line {} of the log", i));
        }
        if lines.len() > 100_000 {
            lines.clear();
        }
        thread::sleep(TICK);
    }
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(10);
    let end = Instant::now() + Duration::from_secs(seconds);
    let stop = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = ["logger", "parser"]
        .iter()
        .map(|name| {
            let stop = stop.clone();
            thread::Builder::new().name(name.to_string()).spawn(move || worker(stop)).unwrap()
        })
        .collect();
    let (mut samples, mut sessions, mut next) = (Vec::new(), HashMap::new(), 0);

    while Instant::now() < end {
        push_samples(&mut samples, 20_000);
        insert_sessions(&mut sessions, &mut next, 1000);
        thread::sleep(TICK);
    }
    stop.store(true, Ordering::Relaxed);
    for w in workers {
        w.join().unwrap();
    }
    println!("DONE samples={} sessions={}", samples.len(), sessions.len());
}
