//! Pasted text holds more than its reader has seen: it is never an answer.

use crate::scanner::foreign;
use crate::terminal::{ESC, Pty};

fn paste(text: &str) -> String {
    format!("\u{1b}[200~{text}\u{1b}[201~")
}

#[test]
fn a_paste_into_a_typed_confirmation_is_refused() {
    let mut pty = Pty::long_demo((80, 24));
    pty.press(":abort\r");
    let name = pty.demanded();
    pty.press_until(&paste(&name), "the refusal", |screen| {
        screen.contents().contains("paste is refused here: type it")
    });
    // A newline in it confirms nothing either.
    pty.press(&paste(&format!("{name}\r\ny\r")));
    // The field holds the typed letter alone.
    let field = format!("{name}  x_");
    pty.press_until("\u{7f}x", "the field", |screen| {
        screen.contents().contains(&field)
    });
    pty.press("\u{7f}");
    pty.wait_text(&format!("{name}  __"));
    // A reason may be pasted; what could drive a terminal does not come along.
    pty.press("\t");
    pty.press(&paste("see \u{1b}]0;owned\u{7}the wiki"));
    pty.wait_text("the wiki");
    pty.press_until(ESC, "the fleet screen", |screen| {
        screen
            .contents()
            .contains("abort: cancelled, nothing was sent")
    });
    // A command is not pasted at all, a filter is.
    pty.press(&paste(":quit\r"));
    pty.press("/");
    pty.press(&paste("ear\u{1b}[?1049lly"));
    pty.wait_text("/ear");
    pty.press(ESC);
    pty.press("Q");
    let left = pty.left();
    assert_eq!(left.code, 0);
    assert_eq!(foreign(&left.bytes), Vec::<String>::new());
}
