// SPDX-License-Identifier: GPL-2.0
// build-flags: -C opt-level=0
//! A LinkedList against a Vec, both of 10,000 numbers: says on how many pages each lies, by its
//! elements' addresses, and waits for a line.
use std::collections::LinkedList;
use std::io::stdin;

const NR: u32 = 10_000;

fn wait() {
    stdin().read_line(&mut String::new()).unwrap();
}

fn pages<'a>(elements: impl Iterator<Item = &'a u32>) -> usize {
    let (mut nr, mut last) = (0, 0);
    for page in elements.map(|e| e as *const u32 as usize / 4096) {
        nr += (page != last) as usize; // they come in ascending order
        last = page;
    }
    nr
}

fn main() {
    println!("stage=ready");
    wait();
    let mut vector = Vec::with_capacity(NR as usize);
    vector.extend(0..NR);
    let nr = pages(vector.iter());
    println!("stage=array pages={nr}");
    wait();
    let list: LinkedList<u32> = (0..NR).collect();
    let nr = pages(list.iter());
    println!("stage=list pages={nr}");
    wait();
    assert_eq!(vector.len(), list.len());
}
