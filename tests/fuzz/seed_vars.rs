// SPDX-License-Identifier: GPL-2.0
//! What corpus/fuzz_vars/rust was made of:
//! rustc -g -C opt-level=0 -C panic=abort --remap-path-prefix $PWD=. --emit obj, and
//! ld -static --gc-sections -z noseparate-code -z norelro
#![no_std]
#![no_main]
pub struct Node { pub value: i32, pub next: Option<&'static Node> }
pub enum Shape { Circle(f32), Square { side: i32 }, Nothing }
static NODE: Node = Node { value: 1, next: None };
#[inline(never)]
fn look(shape: &Shape, node: Node, part: &[u16], text: &'static str) -> i32 {
    let letter = 'A';
    let pair = (1u8, text);
    match shape { Shape::Circle(r) => *r as i32, Shape::Square { side } => side.wrapping_add(node.value), Shape::Nothing => (letter as i32).wrapping_add(part.len() as i32).wrapping_add(pair.0 as i32) }
}
#[no_mangle]
pub extern "C" fn _start() -> ! {
    let numbers = [1u16, 2, 3];
    look(&Shape::Square { side: 4 }, Node { value: 7, next: Some(&NODE) }, &numbers, "text");
    loop {}
}
#[no_mangle]
pub extern "C" fn rust_eh_personality() {}
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
