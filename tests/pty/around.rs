//! What the program asks of the terminal besides drawing: nothing by itself,
//! and no more than what was asked for.

use crate::foreign::Fleet;
use crate::scanner::{count, foreign};
use crate::terminal::Pty;

const LOOKS_ELSEWHERE: &str = "\u{1b}[O";
const LOOKS_HERE: &str = "\u{1b}[I";
/// Bell, and the begin of a notification.
const CALL: &str = "\u{7}\u{1b}]9;pilothouse: ";

#[test]
fn a_shard_that_fails_calls_who_looks_elsewhere_and_nobody_else() {
    for (first, calls) in [(LOOKS_ELSEWHERE, 1), (LOOKS_HERE, 0)] {
        let fleet = Fleet::new();
        let mut pty = Pty::start((80, 24), &fleet.args());
        pty.press(first);
        pty.wait_text("Needs you (");
        pty.press("Q");
        let left = pty.left();
        assert_eq!(count(&left.bytes, CALL), calls, "{}", left.text);
        let text = String::from_utf8(left.bytes).unwrap();
        let Some((before, call)) = text.split_once(CALL) else {
            continue;
        };
        let (call, after) = call.split_once('\u{7}').unwrap();
        // The shard, or what it led to, whichever was told first.
        let needs = [
            "shard s01: backfill failed",
            "fleet: paused by the failed budget",
        ];
        assert!(needs.iter().any(|need| call.starts_with(need)), "{call}");
        assert!(call.chars().all(|c| !c.is_control()), "{call:?}");
        let rest = format!("{before}{after}");
        assert_eq!(foreign(rest.as_bytes()), Vec::<String>::new());
    }
}

#[test]
fn a_copy_is_one_sequence_and_the_mouse_is_given_back() {
    let mut pty = Pty::long_demo((80, 24));
    // A press on the first column of the second shard, before and after.
    let press = "\u{1b}[<0;8;9M\u{1b}[<0;8;9m";
    pty.press(":mouse\r");
    pty.wait_text("Mouse: on");
    pty.press(press);
    pty.press("y");
    pty.wait_text("Copied shard ");
    pty.press(":mouse\r");
    pty.wait_text("Mouse: left to the terminal");
    pty.press("Q");
    let left = pty.left();
    assert_eq!(count(&left.bytes, "\u{1b}[?1000h"), 1);
    assert!(count(&left.bytes, "\u{1b}[?1000l") >= 2);
    // "shard s", in base64, to the clipboard and not to the selection.
    assert_eq!(count(&left.bytes, "\u{1b}]52;c;c2hhcmQgc"), 1);
    assert_eq!(count(&left.bytes, "\u{1b}]52;"), 1);
}
