//! Every path that some code names, `use` trees unfolded.

/// A piece of code: a word, `::`, or one other character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    /// Line number, from 1.
    pub line: usize,
}

/// A path as it is written: `crate::base::Stop`, `super::sql`, `std::fs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPath {
    pub parts: Vec<String>,
    pub line: usize,
    pub kind: PathKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// In a `use` that nobody else sees.
    Import,
    /// In a `pub use`, `pub(crate) use` and the like.
    ReExport,
    /// In the middle of code.
    Inline,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Into this package, from its root.
    Ours(Vec<String>),
    /// Anywhere else.
    Foreign(Vec<String>),
}

pub fn tokens(code: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    for (place, line) in code.lines().enumerate() {
        let chars: Vec<char> = line.chars().collect();
        let mut at = 0;
        while at < chars.len() {
            let word = chars[at..]
                .iter()
                .take_while(|c| c.is_alphanumeric() || **c == '_')
                .count();
            let length = match (word, chars[at], chars.get(at + 1)) {
                (1.., _, _) => word,
                (0, ':', Some(':')) => 2,
                _ => 1,
            };
            let text: String = chars[at..at + length].iter().collect();
            if !text.trim().is_empty() {
                let line = place + 1;
                out.push(Token { text, line });
            }
            at += length;
        }
    }
    out
}

pub fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

pub fn named_paths(tokens: &[Token]) -> Vec<NamedPath> {
    let mut out = Vec::new();
    let text = |at: usize| tokens.get(at).map_or("", |t| t.text.as_str());
    let mut at = 0;
    while at < tokens.len() {
        // `use<'a>` in a type is no import.
        if text(at) == "use" && text(at + 1) != "<" {
            let open = at > 0 && matches!(text(at - 1), "pub" | ")");
            let kind = if open {
                PathKind::ReExport
            } else {
                PathKind::Import
            };
            at = use_tree(tokens, at + 1, &[], kind, &mut out);
            continue;
        }
        if is_word(text(at)) && text(at + 1) == "::" {
            let mut parts = vec![text(at).to_owned()];
            let line = tokens[at].line;
            at += 1;
            while text(at) == "::" && is_word(text(at + 1)) {
                parts.push(text(at + 1).to_owned());
                at += 2;
            }
            let kind = PathKind::Inline;
            out.push(NamedPath { parts, line, kind });
        }
        at += 1;
    }
    out
}

/// Reads one tree; gives the place after it.
fn use_tree(
    tokens: &[Token],
    mut at: usize,
    before: &[String],
    kind: PathKind,
    out: &mut Vec<NamedPath>,
) -> usize {
    let mut parts = before.to_vec();
    let line = tokens.get(at).map_or(0, |t| t.line);
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|t| t.text != "}") {
                    at = use_tree(tokens, at, &parts, kind, out);
                    if tokens.get(at).is_some_and(|t| t.text == ",") {
                        at += 1;
                    }
                }
                return at + 1;
            }
            // The new name does not matter: the path is named all the same.
            "as" => at += 2,
            "self" if !parts.is_empty() => at += 1,
            word if is_word(word) || word == "*" => {
                parts.push(word.to_owned());
                at += 1;
            }
            _ => break,
        }
    }
    out.push(NamedPath { parts, line, kind });
    at
}

/// Where `path` leads when it is written in `module`.
pub fn target(path: &NamedPath, module: &[String]) -> Target {
    let Some(first) = path.parts.first() else {
        return Target::Foreign(Vec::new());
    };
    let mut from = match first.as_str() {
        "crate" | "pilothouse" => Vec::new(),
        "self" | "super" => module.to_vec(),
        _ => return Target::Foreign(path.parts.clone()),
    };
    for part in &path.parts {
        match part.as_str() {
            "crate" | "pilothouse" | "self" => {}
            "super" => {
                from.pop();
            }
            _ => from.push(part.clone()),
        }
    }
    Target::Ours(from)
}
