// SPDX-License-Identifier: GPL-2.0
// build-flags: -C opt-level=0
//! The lesson's programs in Rust: strings, vectors, boxes, shared owners, slices, options. Sleeps.
use std::hint::black_box;
use std::io::Read;
use std::rc::Rc;
use std::sync::Arc;

#[derive(Clone)]
struct User {
    id: u32,
    name: String,
}

enum Shape {
    Circle(f64),
    Square { side: i32 },
    Nothing,
}

fn add(x: i32, y: i32) -> i32 {
    let sum = x + y;
    println!("ready");
    let mut byte = [0u8; 1];
    let _ = std::io::stdin().read(&mut byte);
    sum
}

fn main() {
    let small: u8 = 200;
    let flag = true;
    let letter = 'é';
    let numbers = [10i32, 20, 30];
    let literal: &str = "in .rodata";
    let owned = String::from("hello");
    let mut grown: Vec<i32> = Vec::with_capacity(8);
    grown.extend_from_slice(&[1, 2, 3]);
    let empty: Vec<u64> = Vec::new();
    let part = &grown[1..3];
    let text_part = &owned[1..4];
    let boxed = Box::new(77i64);
    let shared = Rc::new(5i32);
    let shared_too = Rc::clone(&shared);
    let atomic = Arc::new(String::from("two threads"));
    let user = User { id: 9, name: String::from("ann") };
    let some: Option<i32> = Some(3);
    let none: Option<String> = None;
    let some_name: Option<String> = Some(String::from("present"));
    let shape = Shape::Square { side: 4 };
    let round = Shape::Circle(1.5);
    let nothing = Shape::Nothing;
    let sum = add(5, 10);
    black_box((small, flag, letter, numbers, literal, &owned, &empty, part, text_part, &boxed, &shared_too));
    black_box((&atomic, &user, user.id, &user.name, &some, &none, &some_name, &shape, &round, &nothing, sum));
    if let (Shape::Circle(r), Shape::Square { side }) = (&round, &shape) {
        black_box((r, side));
    }
}
