//! However it ends or stands still: the terminal is the shell's again.

use crate::terminal::{Pty, is_taken};
use rustix::process::Signal;

const SIZE: (u16, u16) = (80, 24);

/// A demo with its screen on; raw, as a screen must be.
fn shown() -> Pty {
    let pty = Pty::long_demo(SIZE);
    pty.wait_for("a screen of its own", is_taken);
    assert!(!pty.is_cooked());
    pty
}

fn ended_in_order(pty: Pty) {
    let left = pty.left();
    assert_eq!(left.code, 0, "{}", left.text);
    assert_eq!(left.behind, Vec::<String>::new());
    // Told on the shell's screen, below what was there before.
    assert!(left.text.contains("A throw-away fleet in"), "{}", left.text);
    assert!(left.text.contains("every promise held"), "{}", left.text);
    assert!(
        left.text.contains("Nothing was left behind."),
        "{}",
        left.text
    );
}

#[test]
fn quitting_leaves_the_terminal_as_it_was() {
    for keys in ["Q", "\u{3}", ":quit\r"] {
        let mut pty = shown();
        pty.press(keys);
        ended_in_order(pty);
    }
}

#[test]
fn quitting_asks_first_while_a_shard_is_at_work() {
    let mut pty = shown();
    pty.press("q");
    pty.wait_text("Leave?");
    let stayed = |screen: &vt100::Screen| screen.contents().contains("Stayed");
    pty.press_until("n", "an answer", stayed);
    pty.press("q");
    pty.wait_text("Leave?");
    let left = |screen: &vt100::Screen| !screen.alternate_screen();
    pty.press_until("y", "the shell's screen", left);
    ended_in_order(pty);
}

#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let pty = shown();
        pty.signal(signal);
        ended_in_order(pty);
    }
}

#[test]
fn a_question_locks_nobody_in() {
    let mut pty = shown();
    pty.press(":abort\r");
    pty.wait_text("Cannot be confirmed: type ");
    pty.press("\u{3}");
    ended_in_order(pty);
}

#[test]
fn a_terminal_that_goes_away_ends_it_in_order() {
    assert_eq!(shown().hang_up(), Vec::<String>::new());
}

#[test]
fn a_suspended_cockpit_gives_the_screen_back_and_takes_it_again() {
    let mut pty = shown();
    for _ in 0..2 {
        pty.press("\u{1a}");
        pty.wait_stopped();
        pty.wait_for("the shell's screen", |screen| !is_taken(screen));
        assert!(pty.is_given_back(), "{}", pty.text());
        assert!(pty.text().contains("A throw-away fleet in"));
        pty.signal(Signal::CONT);
        pty.wait_for("the whole screen again", |screen| {
            let text = screen.contents();
            let whole = ["LIVE", "canary", "Needs you", "s01", "operations"];
            is_taken(screen) && whole.iter().all(|word| text.contains(word))
        });
        assert!(!pty.is_cooked());
    }
    // And it hears keys.
    pty.press("?");
    pty.wait_text("Help");
    pty.press("\u{3}");
    ended_in_order(pty);
}
