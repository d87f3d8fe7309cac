//! A terminal that changes its size while it is looked at.

use crate::terminal::{ESC, Pty};

/// Everything that must be readable whenever there is room for it.
fn is_whole(screen: &vt100::Screen) -> bool {
    let text = screen.contents();
    let wanted = ["LIVE", "canary", "Needs you", "s01", "operations"];
    wanted.iter().all(|word| text.contains(word)) && !text.contains("too small")
}

/// Whether the last row with something in it is the last row of the screen.
fn reaches_the_bottom(screen: &vt100::Screen) -> bool {
    let (_, wide) = screen.size();
    let last = screen.rows(0, wide.get()).last();
    last.is_some_and(|row| row.contains("help"))
}

#[test]
fn every_size_is_drawn_and_none_is_fatal() {
    let mut pty = Pty::long_demo((120, 40));
    // The first words are over something until a key is pressed.
    pty.wait_text("Welcome aboard");
    pty.press("j");
    pty.wait_for("120x40", |s| is_whole(s) && reaches_the_bottom(s));
    pty.resize(80, 24);
    pty.wait_for("80x24", |s| is_whole(s) && reaches_the_bottom(s));
    pty.resize(39, 9);
    pty.wait_text("39×9 is too small.");
    pty.wait_text("pilothouse needs 40×10.");
    pty.resize(1, 1);
    pty.wait_for("one cell", |screen| screen.contents() == "…");
    // Keys that nobody could read are no reason to fall over.
    pty.press("?jx");
    pty.resize(40, 10);
    // Not before: crossterm forgets a key that comes in one breath with a new
    // size until the next one is pressed.
    pty.press_until(ESC, "40x10", |screen| {
        let text = screen.contents();
        text.contains(" pilothouse   demo ") && !text.contains("small")
    });
    pty.resize(300, 90);
    pty.wait_for("300x90", |s| is_whole(s) && reaches_the_bottom(s));
    pty.resize(120, 40);
    pty.wait_for("120x40 again", |s| is_whole(s) && reaches_the_bottom(s));
    let asks = |screen: &vt100::Screen| screen.contents().contains("Abort the fleet?");
    pty.press_until(&format!("{ESC}:abort\r"), "the question", asks);
    // A question over a screen that shrinks keeps what decides.
    pty.resize(80, 24);
    pty.wait_for("the question at 80x24", |screen| {
        let text = screen.contents();
        text.contains("Cannot be confirmed: type ") && text.contains("Cancel")
    });
    pty.press_until("\u{3}", "the shell's screen", |screen| {
        !screen.alternate_screen()
    });
    assert_eq!(pty.left().code, 0);
}
