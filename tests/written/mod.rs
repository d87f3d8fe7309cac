//! The commands that stand in the documents.
//!
//! A line that begins with `$ pilothouse` in a block tagged `console` is a
//! command. The comment behind it may say how it ends (`# exit 3`) or what it
//! needs (`# needs PostgreSQL`, `# on a terminal`).

/// How a command ends, as the document says it.
#[derive(PartialEq, Eq)]
pub enum Ending {
    Exit(i32),
    /// It needs servers, with which the real tests run it.
    NeedsServers,
    /// It needs a terminal; its words must be right all the same.
    OnATerminal,
}

pub struct Written {
    pub line: usize,
    pub words: Vec<String>,
    pub ending: Ending,
}

/// What stands between spaces; double quotes hold words together.
fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (place, part) in text.split('"').enumerate() {
        match place % 2 {
            0 => found.extend(part.split_whitespace().map(str::to_owned)),
            _ => found.push(part.to_owned()),
        }
    }
    found
}

fn ending(comment: &str) -> Ending {
    let comment = comment.trim();
    match comment {
        "needs PostgreSQL" => return Ending::NeedsServers,
        "on a terminal" => return Ending::OnATerminal,
        _ => {}
    }
    let code = comment.strip_prefix("exit ").unwrap_or("0");
    let digits = code.split(|c: char| !c.is_ascii_digit()).next();
    Ending::Exit(digits.and_then(|d| d.parse().ok()).unwrap_or(0))
}

/// The commands of a document, and lines that look like one in a block that
/// nobody checks.
pub fn commands(text: &str) -> (Vec<Written>, Vec<usize>) {
    let (mut found, mut unchecked) = (Vec::new(), Vec::new());
    let mut block: Option<&str> = None;
    for (place, line) in text.lines().enumerate() {
        if let Some(tag) = line.trim_start().strip_prefix("```") {
            block = match block {
                Some(_) => None,
                None => Some(tag.trim()),
            };
            continue;
        }
        let Some(tag) = block else { continue };
        let command = line.trim_start().strip_prefix("$ ").unwrap_or(line);
        if !command.starts_with("pilothouse ") {
            continue;
        }
        if tag != "console" || command == line {
            unchecked.push(place + 1);
            continue;
        }
        let (command, comment) = command.split_once(" #").unwrap_or((command, ""));
        found.push(Written {
            line: place + 1,
            words: words(command),
            ending: ending(comment),
        });
    }
    (found, unchecked)
}
