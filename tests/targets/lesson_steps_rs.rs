// SPDX-License-Identifier: GPL-2.0
// build-flags: -C opt-level=0
//! The lesson, step by step: each calls look(), at which `stacks --at look` takes its pictures.
//! With an argument, `big` or `endless`: a stack runs over.
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

struct User {
    id: u32,
    name: String,
}

struct Node {
    value: i32,
    next: Option<Box<Node>>,
}

#[inline(never)]
fn look(step: u32) -> u32 {
    black_box(step)
}

fn primitives() {
    let small: u8 = 200;
    let x: i32 = 42;
    let pi: f64 = 3.5;
    let letter = 'A';
    let ok = true;
    let numbers: [i32; 4] = [10, 20, 30, 40];
    look(1);
    black_box((small, x, pi, letter, ok, numbers));
}

fn string() {
    let owned = String::from("hello");
    look(2);
    let moved = owned;
    look(3);
    black_box(&moved);
}

fn growing() {
    let mut grown: Vec<i32> = Vec::new();
    look(4);
    grown.push(1);
    look(5);
    let fence = Box::new(0u8); // so that what grows must move
    let before = grown.as_ptr();
    grown.extend_from_slice(&[2, 3, 4, 5]);
    look(6);
    let others = [0; 20].map(|n| Box::new([n as u8; 56])); // as before; one might lie elsewhere
    grown.extend_from_slice(&[6, 7, 8, 9]);
    look(7);
    black_box((&grown, &fence, before, &others));
}

fn boxed() {
    let boxed = Box::new(77i64);
    let too: *const i64 = &*boxed;
    look(8);
    drop(boxed);
    look(9); // freed, and still pointed to
    black_box(too);
}

fn slices() {
    let literal: &str = "in .rodata";
    let numbers = [1u16, 2, 3, 4];
    let of_stack = &numbers[1..3];
    let text = String::from("hello");
    let of_heap = &text[1..4];
    let of_rodata = &literal[3..];
    look(10);
    black_box((literal, of_stack, of_heap, of_rodata));
}

fn shared() {
    let first = Rc::new(5i32);
    let second = Rc::clone(&first);
    look(11);
    black_box((&first, &second));
}

fn structs() {
    let user = User { id: 7, name: String::from("ann") };
    look(12);
    black_box((&user, user.id, &user.name));
}

fn list() {
    let first = Node { value: 1, next: Some(Box::new(Node { value: 2, next: None })) };
    let vector = vec![1i32, 2];
    look(13);
    black_box((&first, first.value, &first.next, &vector));
}

fn threads() {
    let ours = Arc::new(String::from("two threads"));
    let theirs = Arc::clone(&ours);
    let number = 6;
    let work = move || {
        let product = number * 7;
        look(15);
        black_box((product, theirs.len()))
    };
    look(14);
    thread::spawn(work).join().unwrap();
    black_box(&ours);
}

#[allow(unconditional_recursion)]
fn endless(n: u64) -> u64 {
    let pad = black_box([n; 10]);
    endless(n + 1) + pad[3]
}

fn big() -> u8 {
    let array = black_box([1u8; 10_000_000]);
    array[77]
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("big") => drop(black_box(big())),
        Some("endless") => drop(black_box(endless(0))),
        _ => (),
    }
    primitives();
    string();
    growing();
    boxed();
    slices();
    shared();
    structs();
    list();
    threads();
}
