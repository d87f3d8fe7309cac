//! What may stand in an expression, a type, a statement, an invariant.

use crate::base::Ident;
use crate::migration::expression::{ExpressionError, Problem, Token, TokenKind, tokens};
use std::collections::BTreeSet;

impl Problem {
    /// What would be right.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Empty => "write SQL here, or leave the key out where it is optional",
            Self::Open(_) => "close it; a quote inside quotes is doubled",
            Self::Unbalanced(_) => "add the missing bracket, or remove this one",
            Self::UnicodeEscape => "write the characters themselves",
            Self::Stray(_) => "remove it, or put it in a string",
            Self::Semicolon => "remove it",
            Self::Comment => "move it out of the SQL, into a # comment of the file",
            Self::SubQuery(_) => {
                "compute it from columns of the same row; what needs other rows belongs in an sql operation"
            }
            Self::Parameter(_) => {
                "write the value itself; for the JSON operator ? call jsonb_exists(…)"
            }
        }
    }
}

/// An expression over one row.
pub fn check_expression(sql: &str) -> Result<(), ExpressionError> {
    let all = meaningful(sql)?;
    balanced(&all)?;
    for (position, token) in all.iter().enumerate() {
        let before = position.checked_sub(1).and_then(|before| all.get(before));
        let after = all.get(position + 1);
        let problem = match &token.kind {
            TokenKind::Punctuation(';') => Some(Problem::Semicolon),
            TokenKind::Word(word) if starts_sub_query(word, before, after) => {
                Some(Problem::SubQuery(word.clone()))
            }
            _ => parameter(token, after, &all[..position]),
        };
        if let Some(problem) = problem {
            return Err(error(problem, token));
        }
    }
    Ok(())
}

/// Statements: several are allowed, comments too.
pub fn check_statements(sql: &str) -> Result<(), ExpressionError> {
    let all = without_space(sql)?;
    let solid: Vec<Token<'_>> = all
        .into_iter()
        .filter(|t| t.kind != TokenKind::Comment)
        .collect();
    if solid
        .iter()
        .all(|token| token.kind == TokenKind::Punctuation(';'))
    {
        return Err(ExpressionError {
            problem: Problem::Empty,
            at: 0,
        });
    }
    balanced(&solid)?;
    match solid
        .iter()
        .find(|token| token.kind == TokenKind::Parameter)
    {
        Some(token) => Err(error(Problem::Parameter(token.text.to_owned()), token)),
        None => Ok(()),
    }
}

/// One statement that only asks.
pub fn check_query(sql: &str) -> Result<(), ExpressionError> {
    let all = meaningful(sql)?;
    balanced(&all)?;
    let marker = all.iter().find(|token| {
        matches!(
            token.kind,
            TokenKind::Parameter | TokenKind::Punctuation(';')
        )
    });
    match marker {
        Some(token) if token.kind == TokenKind::Parameter => {
            Err(error(Problem::Parameter(token.text.to_owned()), token))
        }
        Some(token) => Err(error(Problem::Semicolon, token)),
        None => Ok(()),
    }
}

/// One statement that a client prepares: with parameters.
pub(super) fn check_client(sql: &str) -> Result<(), ExpressionError> {
    let all = meaningful(sql)?;
    balanced(&all)?;
    let second = all
        .iter()
        .find(|token| token.kind == TokenKind::Punctuation(';'));
    second.map_or(Ok(()), |token| Err(error(Problem::Semicolon, token)))
}

/// The first word, folded; empty if the text does not start with one.
pub(super) fn first_word(sql: &str) -> String {
    match meaningful(sql)
        .ok()
        .and_then(|all| all.into_iter().next())
        .map(|first| first.kind)
    {
        Some(TokenKind::Word(word)) => word,
        _ => String::new(),
    }
}

/// Identifiers that can be columns: not a type, a function or a part of what
/// only looks like one (`extract(year from …)`, `at time zone`).
pub(super) fn columns_read(sql: &str) -> BTreeSet<String> {
    let all = without_space(sql).unwrap_or_default();
    let names = (0..all.len()).filter_map(|position| column_at(&all, position));
    names.map(str::to_owned).collect()
}

/// Who wrote some SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// The server, which spells key words in capitals and names as they are:
    /// a column named `last` is not the `LAST` of an index.
    Server,
    /// A person: names are folded.
    Person,
}

/// The same SQL over columns of other names: each first one of a pair becomes
/// the second one.
pub fn rename_columns(sql: &str, names: &[(Ident, Ident)], spelling: Spelling) -> String {
    let all = without_space(sql).unwrap_or_default();
    let mut renamed = String::with_capacity(sql.len());
    let mut done = 0;
    for (position, token) in all.iter().enumerate() {
        let Some(column) = column_at(&all, position) else {
            continue;
        };
        let is_bare = matches!(token.kind, TokenKind::Word(_));
        if spelling == Spelling::Server && is_bare && token.text != column {
            continue;
        }
        let Some((_, to)) = names.iter().find(|(from, _)| from.as_str() == column) else {
            continue;
        };
        renamed.push_str(&sql[done..token.start]);
        renamed.push_str(&to.to_string());
        done = token.start + token.text.len();
    }
    renamed.push_str(&sql[done..]);
    renamed
}

/// The column that the token may name.
fn column_at<'t>(all: &'t [Token<'_>], position: usize) -> Option<&'t str> {
    let text = |position: Option<usize>| -> String {
        let token = position.and_then(|position| all.get(position));
        token
            .map(|token| token.text.to_ascii_lowercase())
            .unwrap_or_default()
    };
    let (TokenKind::Word(name) | TokenKind::Quoted(name)) = &all.get(position)?.kind else {
        return None;
    };
    let before = text(position.checked_sub(1));
    let earlier = text(position.checked_sub(2));
    let after = all.get(position + 1).map(|after| &after.kind);
    let is_type = matches!(before.as_str(), "::" | "as") || after == Some(&TokenKind::Text);
    let is_function = after == Some(&TokenKind::Punctuation('('));
    let is_field = before == "(" && earlier == "extract";
    let is_zone = name == "time" && matches!(before.as_str(), "at" | "with" | "without")
        || name == "zone" && before == "time";
    (!(is_type || is_function || is_field || is_zone)).then_some(name)
}

/// A key word that makes a statement one that no transaction can hold.
pub(super) fn outside_transaction(sql: &str) -> Option<String> {
    statement_starts(sql).into_iter().find_map(|words| {
        let first = words.first()?.as_str();
        let second = words.get(1).map(String::as_str);
        let has = |wanted: &str| words.iter().any(|word| word == wanted);
        // A materialised view can be refreshed so in a transaction.
        let concurrently = match first {
            "create" | "drop" | "reindex" => words.iter().take(5).any(|w| w == "concurrently"),
            "alter" => has("detach") && has("concurrently"),
            _ => false,
        };
        let alone = matches!(
            (first, second),
            ("vacuum", _)
                | ("create" | "drop", Some("database" | "tablespace"))
                | ("alter", Some("system"))
        );
        match concurrently {
            true => Some("concurrently".to_owned()),
            false => alone.then(|| first.to_owned()),
        }
    })
}

/// A word that would end or nest the transaction around the statements.
pub(super) fn transaction_word(sql: &str) -> Option<String> {
    const WORDS: [&str; 7] = [
        "begin",
        "start",
        "commit",
        "rollback",
        "abort",
        "savepoint",
        "release",
    ];
    let mut starts = statement_starts(sql)
        .into_iter()
        .filter_map(|words| words.into_iter().next());
    starts.find(|word| WORDS.contains(&word.as_str()))
}

/// The words of each statement, up to its first `;`.
pub(super) fn statement_starts(sql: &str) -> Vec<Vec<String>> {
    let mut statements = vec![Vec::new()];
    for token in without_space(sql).unwrap_or_default() {
        match token.kind {
            TokenKind::Punctuation(';') => statements.push(Vec::new()),
            TokenKind::Word(word) => {
                if let Some(last) = statements.last_mut() {
                    last.push(word);
                }
            }
            _ => {}
        }
    }
    statements
}

fn without_space(sql: &str) -> Result<Vec<Token<'_>>, ExpressionError> {
    let all = tokens(sql)?;
    Ok(all
        .into_iter()
        .filter(|token| token.kind != TokenKind::Space)
        .collect())
}

/// All tokens but white space; empty text and comments are refused.
pub(super) fn meaningful(sql: &str) -> Result<Vec<Token<'_>>, ExpressionError> {
    let all = without_space(sql)?;
    if all.is_empty() {
        return Err(ExpressionError {
            problem: Problem::Empty,
            at: 0,
        });
    }
    match all.iter().find(|token| token.kind == TokenKind::Comment) {
        Some(token) => Err(error(Problem::Comment, token)),
        None => Ok(all),
    }
}

fn error(problem: Problem, token: &Token<'_>) -> ExpressionError {
    ExpressionError {
        problem,
        at: token.start,
    }
}

pub(super) fn balanced(all: &[Token<'_>]) -> Result<(), ExpressionError> {
    let mut open: Vec<&Token<'_>> = Vec::new();
    for token in all {
        let TokenKind::Punctuation(mark) = token.kind else {
            continue;
        };
        let partner = match mark {
            '(' | '[' => {
                open.push(token);
                continue;
            }
            ')' => "(",
            ']' => "[",
            _ => continue,
        };
        if open.pop().is_none_or(|opened| opened.text != partner) {
            return Err(error(Problem::Unbalanced(mark), token));
        }
    }
    match open.last() {
        Some(token) => {
            let mark = if token.text == "(" { '(' } else { '[' };
            Err(error(Problem::Unbalanced(mark), token))
        }
        None => Ok(()),
    }
}

/// `select` anywhere; `table`, `values` and `with` where a sub-query can start.
fn starts_sub_query(word: &str, before: Option<&Token<'_>>, after: Option<&Token<'_>>) -> bool {
    let is = |token: Option<&Token<'_>>, mark| {
        token.is_some_and(|token| token.kind == TokenKind::Punctuation(mark))
    };
    match word {
        // `t.select` is a column, and cannot be written without the dot.
        "select" => !is(before, '.'),
        "table" | "with" => is(before, '(') && !is(after, '('),
        "values" => is(before, '(') && is(after, '('),
        _ => false,
    }
}

/// `$1`, and SQLite's `?`, `:name` and `@name`.
fn parameter(
    token: &Token<'_>,
    after: Option<&Token<'_>>,
    before: &[Token<'_>],
) -> Option<Problem> {
    let found = || Some(Problem::Parameter(token.text.to_owned()));
    if token.kind == TokenKind::Parameter || token.text == "?" {
        return found();
    }
    // A slice such as `a[1:n]` is no parameter.
    let count = |mark| {
        before
            .iter()
            .filter(|t| t.kind == TokenKind::Punctuation(mark))
            .count()
    };
    let in_brackets = count('[') > count(']');
    let touching = after.filter(|after| {
        let next = token.start + token.text.len();
        after.start == next && matches!(after.kind, TokenKind::Word(_))
    });
    let marker = matches!(token.text, ":" | "@") && !in_brackets;
    let name = touching.filter(|_| marker)?;
    Some(Problem::Parameter(format!("{}{}", token.text, name.text)))
}

#[cfg(test)]
mod tests {
    use super::{Spelling, rename_columns};
    use crate::base::{Ident, IdentError};

    #[test]
    fn columns_are_renamed_and_nothing_else() -> Result<(), IdentError> {
        let names = [
            (Ident::new("last")?, Ident::new("new_1")?),
            (Ident::new("text")?, Ident::new("new_2")?),
            (Ident::new("Odd one")?, Ident::new("new_3")?),
        ];
        let server = |sql| rename_columns(sql, &names, Spelling::Server);
        for (sql, renamed) in [
            (
                "btree (last DESC NULLS LAST, lower(text))",
                "btree (\"new_1\" DESC NULLS LAST, lower(\"new_2\"))",
            ),
            (
                "CHECK (((last)::text <> 'last'::text))",
                "CHECK (((\"new_1\")::text <> 'last'::text))",
            ),
            (
                "gin (\"Odd one\") WHERE (text IS NOT NULL)",
                "gin (\"new_3\") WHERE (\"new_2\" IS NOT NULL)",
            ),
            (
                "btree (lasting, text_id, last(text))",
                "btree (lasting, text_id, last(\"new_2\"))",
            ),
        ] {
            assert_eq!(server(sql), renamed, "{sql}");
        }
        let person = rename_columns("LAST > 3 AND Text <> ''", &names, Spelling::Person);
        assert_eq!(person, "\"new_1\" > 3 AND \"new_2\" <> ''");
        Ok(())
    }
}
