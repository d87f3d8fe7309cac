//! Just enough of SQLite's lexical rules to judge an expression from a
//! migration file before any database sees it.

/// One token of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A bare word, lower case.
    Word(String),
    /// A quoted identifier, without its quotes.
    Quoted(String),
    /// A string literal, without its quotes.
    Text(String),
    /// Anything else, one character.
    Sign(char),
}

/// Why an expression cannot be used at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LexError {
    /// It would end the statement it is put into.
    #[error("a ';' would end the statement around it")]
    Semicolon,
    /// It would hide what follows.
    #[error("comments are not allowed in it")]
    Comment,
    /// A quote or a parenthesis is not closed.
    #[error("a quote or a parenthesis is not closed")]
    Open,
    /// There is nothing to bind.
    #[error("it has no parameters to bind")]
    Parameter,
    /// Nothing there.
    #[error("it is empty")]
    Empty,
}

/// Cuts an expression into tokens; refuses what could reach out of it.
pub fn tokens(text: &str) -> Result<Vec<Token>, LexError> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut depth = 0_u32;
    let mut i = 0;
    while let Some(c) = chars.get(i).copied() {
        let next = chars.get(i + 1).copied();
        match c {
            ';' => return Err(LexError::Semicolon),
            '-' if next == Some('-') => return Err(LexError::Comment),
            '/' if next == Some('*') => return Err(LexError::Comment),
            '?' | ':' | '@' | '$' => return Err(LexError::Parameter),
            '\'' | '"' | '`' | '[' => {
                let (inner, end) = quoted(&chars, i)?;
                found.push(if c == '\'' {
                    Token::Text(inner)
                } else {
                    Token::Quoted(inner)
                });
                i = end;
                continue;
            }
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1).ok_or(LexError::Open)?,
            _ => {}
        }
        if c.is_alphanumeric() || c == '_' {
            let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
            let end = chars[i..].iter().take_while(|c| is_word(c)).count() + i;
            let word: String = chars[i..end].iter().collect();
            found.push(Token::Word(word.to_lowercase()));
            i = end;
            continue;
        }
        if !c.is_whitespace() {
            found.push(Token::Sign(c));
        }
        i += 1;
    }
    match (depth, found.is_empty()) {
        (0, false) => Ok(found),
        (0, true) => Err(LexError::Empty),
        _ => Err(LexError::Open),
    }
}

/// Reads a quoted token that starts at `start`; returns it and where it ends.
fn quoted(chars: &[char], start: usize) -> Result<(String, usize), LexError> {
    let close = match chars[start] {
        '[' => ']',
        same => same,
    };
    let mut inner = String::new();
    let mut i = start + 1;
    while let Some(c) = chars.get(i).copied() {
        if c != close {
            inner.push(c);
            i += 1;
        } else if close != ']' && chars.get(i + 1) == Some(&close) {
            inner.push(c);
            i += 2;
        } else {
            return Ok((inner, i + 1));
        }
    }
    Err(LexError::Open)
}

/// What makes an expression give another value at another moment or on
/// another connection; empty if nothing does.
pub fn volatile_parts(tokens: &[Token]) -> Vec<String> {
    const NEVER: [&str; 12] = [
        "random",
        "randomblob",
        "changes",
        "total_changes",
        "last_insert_rowid",
        "current_time",
        "current_date",
        "current_timestamp",
        "sqlite_version",
        "load_extension",
        "select",
        "exists",
    ];
    const CLOCKS: [&str; 7] = [
        "date",
        "time",
        "datetime",
        "julianday",
        "unixepoch",
        "strftime",
        "timediff",
    ];
    let mut found = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        match token {
            Token::Word(word) if NEVER.contains(&word.as_str()) => found.push(word.clone()),
            Token::Word(word) if CLOCKS.contains(&word.as_str()) => {
                let empty = matches!(
                    (tokens.get(i + 1), tokens.get(i + 2)),
                    (Some(Token::Sign('(')), Some(Token::Sign(')')))
                );
                // `strftime('%s')` without a moment means now, too.
                let format_only =
                    word == "strftime" && matches!(tokens.get(i + 3), Some(Token::Sign(')')));
                if empty || format_only {
                    found.push(format!("{word}() without a moment"));
                }
            }
            Token::Text(text) => {
                let text = text.trim().to_lowercase();
                if ["now", "localtime", "utc"].contains(&text.as_str()) {
                    found.push(format!("'{text}'"));
                }
            }
            _ => {}
        }
    }
    found
}

/// Whether the tokens name this column.
pub fn names(tokens: &[Token], column: &str) -> bool {
    tokens.iter().any(|token| match token {
        Token::Word(word) => word == &column.to_lowercase(),
        Token::Quoted(quoted) => quoted.eq_ignore_ascii_case(column),
        _ => false,
    })
}

/// Whether a DEFAULT is a constant that `ALTER TABLE ADD COLUMN` takes.
pub fn is_constant(text: &str) -> bool {
    let Ok(found) = tokens(text) else {
        return false;
    };
    match found.as_slice() {
        [Token::Text(_)] => true,
        [Token::Word(word)] => plain(word),
        [Token::Word(x), Token::Text(_)] => x == "x",
        [Token::Word(a), Token::Sign('.'), Token::Word(b)] => number(a) && number(b),
        [Token::Sign('-' | '+'), rest @ ..] => match rest {
            [Token::Word(a)] => number(a),
            [Token::Word(a), Token::Sign('.'), Token::Word(b)] => number(a) && number(b),
            _ => false,
        },
        _ => false,
    }
}

fn plain(word: &str) -> bool {
    number(word) || ["null", "true", "false"].contains(&word)
}

fn number(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_digit())
}
