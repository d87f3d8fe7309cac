//! A source file with everything blanked out that is not code.

/// A file, as the rules see it.
pub struct SourceFile {
    /// Path from the package's root, with `/`.
    pub path: String,
    /// The lines as they are.
    pub lines: Vec<String>,
    /// The code: comments and the insides of literals are blank, items under
    /// `#[cfg(test)]` too. Line numbers are kept.
    pub code: String,
    /// The same with the test items left in.
    pub with_tests: String,
}

impl SourceFile {
    pub fn new(path: &str, text: &str) -> Self {
        let with_tests = blank_literals(text);
        let code = if is_test_file(path) {
            String::new()
        } else {
            blank_tests(&with_tests)
        };
        Self {
            path: path.to_owned(),
            lines: text.lines().map(str::to_owned).collect(),
            code,
            with_tests,
        }
    }

    /// `src/a/b.rs` and `src/a/b/mod.rs` are module `a::b`.
    pub fn module(&self) -> Vec<String> {
        let inner = self.path.trim_start_matches("src/");
        let inner = inner.trim_end_matches(".rs");
        let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
        if matches!(parts.last().map(String::as_str), Some("mod" | "lib")) {
            parts.pop();
        }
        parts
    }
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.ends_with("_tests.rs")
}

/// Blanks comments, and what stands inside string and character literals.
fn blank_literals(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match (chars[at], chars.get(at + 1)) {
            ('/', Some('/')) => until(&chars, at, |c| c == '\n'),
            ('/', Some('*')) => block_comment_end(&chars, at),
            ('"', _) => string_end(&chars, at),
            ('r' | 'b' | 'c', _) if !is_word(at.checked_sub(1).map(|i| chars[i])) => {
                raw_string_end(&chars, at).unwrap_or(at)
            }
            ('\'', _) => char_end(&chars, at).unwrap_or(at),
            _ => at,
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        let is_string = chars[at..end].contains(&'"') && chars[at] != '/' && chars[at] != '\'';
        for (place, c) in chars[at..end].iter().enumerate() {
            let edge = is_string && (place == 0 || at + place + 1 == end);
            out.push(match c {
                '\n' => '\n',
                _ if edge => '"',
                _ => ' ',
            });
        }
        at = end;
    }
    out
}

fn is_word(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric() || c == '_')
}

fn until(chars: &[char], from: usize, stop: impl Fn(char) -> bool) -> usize {
    let length = chars[from..].iter().position(|c| stop(*c));
    length.map_or(chars.len(), |length| from + length)
}

/// Block comments nest.
fn block_comment_end(chars: &[char], from: usize) -> usize {
    let (mut depth, mut at) = (0, from);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn string_end(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// `r"…"`, `r#"…"#`, `br#"…"#`; also `b"…"` and `c"…"`, which have escapes.
fn raw_string_end(chars: &[char], from: usize) -> Option<usize> {
    let quote = until(chars, from, |c| !matches!(c, 'r' | 'b' | 'c'));
    let open = until(chars, quote, |c| c != '#');
    let hashes = open - quote;
    if chars.get(open) != Some(&'"') || quote - from > 2 {
        return None;
    }
    if !chars[from..quote].contains(&'r') {
        return (hashes == 0).then(|| string_end(chars, open));
    }
    let mut close = vec!['"'];
    close.extend(std::iter::repeat_n('#', hashes));
    let rest = &chars[open + 1..];
    let length = rest.windows(close.len()).position(|w| w == close);
    Some(length.map_or(chars.len(), |n| open + 1 + n + close.len()))
}

/// A character literal, or `None` where the quote begins a lifetime.
fn char_end(chars: &[char], from: usize) -> Option<usize> {
    if chars.get(from + 1) == Some(&'\\') {
        return Some((until(chars, from + 3, |c| c == '\'') + 1).min(chars.len()));
    }
    (chars.get(from + 2) == Some(&'\'')).then_some(from + 3)
}

/// Blanks the item after each `#[cfg(test)]`, up to its `;` or closing brace.
fn blank_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut chars: Vec<char> = code.chars().collect();
    let mark: Vec<char> = MARK.chars().collect();
    let mut from = 0;
    while let Some(found) = chars[from..].windows(mark.len()).position(|w| w == mark) {
        let start = from + found;
        let stop = until(&chars, start, |c| c == ';' || c == '{');
        let end = if chars.get(stop) == Some(&'{') {
            brace_end(&chars, stop)
        } else {
            (stop + 1).min(chars.len())
        };
        for c in &mut chars[start..end] {
            if *c != '\n' {
                *c = ' ';
            }
        }
        from = end;
    }
    chars.into_iter().collect()
}

/// The place after the brace that closes the one at `open`.
pub fn brace_end(chars: &[char], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, c) in chars.iter().enumerate().skip(open) {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    chars.len()
}
