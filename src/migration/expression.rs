//! A small SQL lexer: enough to say which identifiers a text mentions and
//! what may not stand in an expression. It follows PostgreSQL's rules for
//! strings, quoting and folding; it does not parse.

use std::collections::BTreeSet;

/// One piece of SQL. The texts of all tokens, in order, are the whole input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: TokenKind,
    /// Where it starts, in bytes.
    pub start: usize,
    /// As it is written.
    pub text: &'a str,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// White space.
    Space,
    /// `-- …` or `/* … */`.
    Comment,
    /// A key word or an unquoted identifier, in lower case as PostgreSQL
    /// folds it (ASCII letters only).
    Word(String),
    /// A quoted identifier, verbatim and without its quotes.
    Quoted(String),
    /// A string of any kind: `'…'`, `E'…'`, `B'…'`, `$tag$…$tag$`.
    Text,
    /// A number.
    Number,
    /// `$1`, or `$name`.
    Parameter,
    /// An operator such as `+`, `::` or `->>`.
    Operator,
    /// One of `( ) [ ] , ; .`
    Punctuation(char),
}

/// Why a text is not SQL that we accept, and where in it, in bytes.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{problem}")]
pub struct ExpressionError {
    /// What is wrong.
    pub problem: Problem,
    /// Where it starts.
    pub at: usize,
}

/// What can be wrong with a text.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Problem {
    /// Nothing but white space.
    #[error("there is nothing here")]
    Empty,
    /// A string, quoted identifier or comment without an end.
    #[error("{0} is not closed")]
    Open(&'static str),
    /// `U&"…"` and `U&'…'`.
    #[error("the U& form of quoting is not accepted")]
    UnicodeEscape,
    /// A character that SQL does not use.
    #[error("the character \"{0}\" has no meaning here")]
    Stray(char),
    /// `)` without `(`, and the like.
    #[error("\"{0}\" has no partner")]
    Unbalanced(char),
    /// `;` outside strings.
    #[error("\";\" would start a second statement")]
    Semicolon,
    /// A comment marker.
    #[error("a comment could hide the rest of the statement")]
    Comment,
    /// A sub-query.
    #[error("\"{0}\" starts a sub-query, but an expression may read its own row only")]
    SubQuery(String),
    /// `$1`, `?`, `:name`.
    #[error("\"{0}\" is a parameter marker, and there is no parameter")]
    Parameter(String),
}

/// Cuts the text into tokens. Never panics; every byte is in one token.
pub fn tokens(sql: &str) -> Result<Vec<Token<'_>>, ExpressionError> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(first) = sql[start..].chars().next() {
        let rest = &sql[start..];
        let (kind, length) =
            token(rest, first).map_err(|problem| ExpressionError { problem, at: start })?;
        tokens.push(Token {
            kind,
            start,
            text: &rest[..length],
        });
        start += length;
    }
    Ok(tokens)
}

/// Every identifier that the text mentions, folded, key words and function
/// names among them: a superset of the columns that it reads.
pub fn mentioned(sql: &str) -> Result<BTreeSet<String>, ExpressionError> {
    let identifier = |token: Token<'_>| match token.kind {
        TokenKind::Word(name) | TokenKind::Quoted(name) => Some(name),
        _ => None,
    };
    Ok(tokens(sql)?.into_iter().filter_map(identifier).collect())
}

/// The token at the start of `rest`, and its length in bytes.
fn token(rest: &str, first: char) -> Result<(TokenKind, usize), Problem> {
    match first {
        c if is_space(c) => Ok((TokenKind::Space, run(rest, is_space))),
        '-' if rest.starts_with("--") => {
            Ok((TokenKind::Comment, run(rest, |c| c != '\n' && c != '\r')))
        }
        '/' if rest.starts_with("/*") => Ok((TokenKind::Comment, block_comment(rest)?)),
        '\'' => Ok((TokenKind::Text, string(rest, 0, Escapes::Doubled)?)),
        '"' => quoted(rest),
        '$' => dollar(rest),
        '0'..='9' => Ok((TokenKind::Number, number(rest))),
        '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
            Ok((TokenKind::Number, number(rest)))
        }
        '(' | ')' | '[' | ']' | ',' | ';' | '.' => Ok((TokenKind::Punctuation(first), 1)),
        c if starts_word(c) => word(rest),
        ':' => {
            let length = if rest.starts_with("::") || rest.starts_with(":=") {
                2
            } else {
                1
            };
            Ok((TokenKind::Operator, length))
        }
        c if is_operator(c) => Ok((TokenKind::Operator, operator(rest))),
        c => Err(Problem::Stray(c)),
    }
}

/// What PostgreSQL takes for white space; a no-break space is a letter to it.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

fn starts_word(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || (!c.is_ascii() && !c.is_control())
}

fn in_word(c: char) -> bool {
    starts_word(c) || c.is_ascii_digit() || c == '$'
}

fn is_operator(c: char) -> bool {
    "+-*/<>=~!@#%^&|`?".contains(c)
}

/// Length of the longest start whose characters all fit.
fn run(rest: &str, fits: impl Fn(char) -> bool) -> usize {
    rest.find(|c| !fits(c)).unwrap_or(rest.len())
}

/// An operator ends where a comment starts.
fn operator(rest: &str) -> usize {
    let length = run(rest, is_operator);
    let comment = ["--", "/*"]
        .iter()
        .filter_map(|mark| rest[..length].find(mark))
        .min();
    comment.unwrap_or(length).max(1)
}

/// Block comments nest.
fn block_comment(rest: &str) -> Result<usize, Problem> {
    let mut depth = 0usize;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Ok(at);
            }
        } else {
            at += 1;
        }
    }
    Err(Problem::Open("a comment"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    /// Only `''`.
    Doubled,
    /// Also `\`, as in `E'…'`.
    Backslash,
}

/// A string whose opening quote is at `open`. Strings that stand on several
/// lines without anything between them are one, with the same escapes.
fn string(rest: &str, open: usize, escapes: Escapes) -> Result<usize, Problem> {
    let bytes = rest.as_bytes();
    let mut at = open + 1;
    loop {
        match bytes.get(at) {
            None => return Err(Problem::Open("a string")),
            Some(b'\\') if escapes == Escapes::Backslash => at += 2,
            Some(b'\'') if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            Some(b'\'') => match continued(&rest[at + 1..]) {
                Some(gap) => at += 1 + gap + 1,
                None => return Ok(at + 1),
            },
            Some(_) => at += 1,
        }
    }
}

/// White space with a line end, then a quote: the string goes on.
fn continued(rest: &str) -> Option<usize> {
    let gap = run(rest, is_space);
    let goes_on = rest[..gap].contains(['\n', '\r']) && rest[gap..].starts_with('\'');
    goes_on.then_some(gap)
}

fn quoted(rest: &str) -> Result<(TokenKind, usize), Problem> {
    let mut name = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != '"' {
            name.push(c);
        } else if chars.next_if(|(_, next)| *next == '"').is_some() {
            name.push('"');
        } else {
            return Ok((TokenKind::Quoted(name), at + 1));
        }
    }
    Err(Problem::Open("a quoted name"))
}

fn dollar(rest: &str) -> Result<(TokenKind, usize), Problem> {
    let digits = run(&rest[1..], |c| c.is_ascii_digit());
    if digits > 0 {
        return Ok((TokenKind::Parameter, 1 + digits));
    }
    let tag = run(&rest[1..], |c| in_word(c) && c != '$');
    let open = &rest[..1 + tag];
    if rest[open.len()..].starts_with('$') {
        let mark = &rest[..open.len() + 1];
        return match rest[mark.len()..].find(mark) {
            Some(end) => Ok((TokenKind::Text, mark.len() + end + mark.len())),
            None => Err(Problem::Open("a dollar-quoted string")),
        };
    }
    match tag {
        0 => Err(Problem::Stray('$')),
        tag => Ok((TokenKind::Parameter, 1 + tag)),
    }
}

/// A number ends where a word starts: `1and` is two tokens.
fn number(rest: &str) -> usize {
    let digits = |from: usize| from + run(&rest[from..], |c| c.is_ascii_digit() || c == '_');
    let bytes = rest.as_bytes();
    let based = matches!(bytes.get(1), Some(b'x' | b'X' | b'o' | b'O' | b'b' | b'B'));
    if based && bytes[0] == b'0' && bytes.get(2).is_some_and(u8::is_ascii_hexdigit) {
        return 2 + run(&rest[2..], |c| c.is_ascii_hexdigit() || c == '_');
    }
    let mut end = digits(0);
    // `1..2` is two numbers and dots, as in an array slice.
    if bytes.get(end) == Some(&b'.') && bytes.get(end + 1) != Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1 + sign);
        }
    }
    end
}

/// A word, or what its first letter announces: `E'…'`, `U&"…"`.
fn word(rest: &str) -> Result<(TokenKind, usize), Problem> {
    let bytes = rest.as_bytes();
    let first = bytes[0].to_ascii_lowercase();
    if bytes.get(1) == Some(&b'\'') {
        match first {
            b'e' => return Ok((TokenKind::Text, string(rest, 1, Escapes::Backslash)?)),
            b'b' | b'x' | b'n' => {
                return Ok((TokenKind::Text, string(rest, 1, Escapes::Doubled)?));
            }
            _ => {}
        }
    }
    let unicode = first == b'u' && bytes.get(1) == Some(&b'&');
    if unicode && matches!(bytes.get(2), Some(b'\'' | b'"')) {
        return Err(Problem::UnicodeEscape);
    }
    let length = run(rest, in_word);
    Ok((TokenKind::Word(rest[..length].to_ascii_lowercase()), length))
}
