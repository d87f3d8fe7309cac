//! Reads every byte that the program wrote, as strictly as can be: text, and
//! the few sequences that the terminal library writes for us. Anything else
//! came from outside and drives the terminal.

/// Sequences of the library, without their escape and bracket, besides
/// colours and places.
const OURS: [&str; 14] = [
    "?1049h", "?1049l", "?2004h", "?2004l", "?25h", "?25l", "2J", // the screen
    "?1004h", "?1004l", // whether somebody looks
    // The mouse is left alone at the end, whoever switched it on.
    "?1006l", "?1015l", "?1003l", "?1002l", "?1000l",
];

/// What is neither text nor ours, in words; the place of each.
pub fn foreign(bytes: &[u8]) -> Vec<String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return vec![format!("no UTF-8: {error}")],
    };
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control() && c != '\n' && c != '\r') {
        let from = &rest[at..];
        let length = ours(from);
        if length == 0 {
            found.push(
                from.chars()
                    .take(24)
                    .collect::<String>()
                    .escape_debug()
                    .to_string(),
            );
        }
        let next = from.chars().next().map_or(1, char::len_utf8);
        rest = &from[length.max(next)..];
    }
    found
}

/// How long the sequence of ours is with which the text begins; 0 for none.
fn ours(text: &str) -> usize {
    let Some(inner) = text.strip_prefix("\u{1b}[") else {
        return 0;
    };
    let is_parameter = |c: char| c.is_ascii_digit() || c == ';' || c == ':';
    let end = inner.find(|c| !is_parameter(c)).unwrap_or(inner.len());
    let place_or_colour = inner[end..].starts_with(['H', 'm']);
    let named = OURS.iter().find(|name| inner.starts_with(**name));
    match (place_or_colour, named) {
        (true, _) => "\u{1b}[".len() + end + 1,
        (false, Some(name)) => "\u{1b}[".len() + name.len(),
        (false, None) => 0,
    }
}

/// How often a sequence was written.
pub fn count(bytes: &[u8], sequence: &str) -> usize {
    let wanted = sequence.as_bytes();
    bytes.windows(wanted.len()).filter(|w| *w == wanted).count()
}

#[test]
fn a_sequence_that_drives_the_terminal_is_found() {
    let fine = "\u{1b}[?1049h\u{1b}[2J\u{1b}[12;3H\u{1b}[38;5;2;1mrows \u{2026}\r\n\u{1b}[?25l";
    assert_eq!(foreign(fine.as_bytes()), Vec::<String>::new());
    for (evil, what) in [
        ("\u{1b}]0;title\u{7}", "a title"),
        ("\u{1b}]52;c;cm0gLXJm\u{1b}\\", "the clipboard"),
        ("\u{1b}[?1000h", "the mouse"),
        ("\u{1b}[20h", "a mode"),
        ("\u{1b}c", "a reset"),
        ("\u{1b}P$q\u{1b}\\", "a device string"),
        ("\u{9b}2J", "an eight-bit sequence"),
        ("\u{7}", "the bell"),
        ("\u{e}", "another character set"),
        ("\u{1b}[6n", "a question"),
        ("\u{1b}", "an escape"),
    ] {
        let mixed = format!("{fine}name {evil} more");
        assert!(!foreign(mixed.as_bytes()).is_empty(), "{what} passed");
    }
    assert!(!foreign(&[b'a', 0x9b, b'2', b'J']).is_empty());
    assert_eq!(count(fine.as_bytes(), "\u{1b}[?1049h"), 1);
}
