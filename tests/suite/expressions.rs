//! The SQL lexer: covers every text, folds like PostgreSQL, sees through
//! strings.

use pilothouse::base::{Ident, quote_literal};
use pilothouse::migration::{TokenKind, check_expression, mentioned, tokens};
use proptest::prelude::*;

fn names(sql: &str) -> Vec<String> {
    mentioned(sql).unwrap().into_iter().collect()
}

#[test]
fn identifiers_fold_and_strings_hide() {
    assert_eq!(names("ABalance::BigInt * 100"), ["abalance", "bigint"]);
    assert_eq!(names("\"ABalance\" + t.x"), ["ABalance", "t", "x"]);
    assert_eq!(
        names("'a' || E'it\\'s b' || $$c$$ || $q$ $$ d $q$ || n'e'"),
        Vec::<String>::new()
    );
    assert_eq!(names("U&1 + \"say \"\"hi\"\"\""), ["say \"hi\"", "u"]);
    assert_eq!(
        names("x=1and y=0x1f or z=.5e-3"),
        ["and", "or", "x", "y", "z"]
    );
    assert_eq!(names("a --b\n/* c /* d */ e */ f"), ["a", "f"]);
    assert_eq!(names("a$1 $1 Ünder"), ["a$1", "Ünder"]);
}

#[test]
fn a_string_on_two_lines_keeps_its_escapes() {
    assert_eq!(names("E'a'\n  'b\\' c' d"), ["d"]);
    assert_eq!(names("'a' 'b' d"), ["d"]);
}

#[test]
fn good_expressions_pass() {
    let good = [
        "abalance::bigint * 100",
        "(abalance_cents / 100)::int",
        "created_at at time zone 'UTC'",
        "cast(x as timestamp with time zone)",
        "'select; -- ' || name",
        "doc ->> 'a' || coalesce(tags[1:n], '{}')",
        "case when selected then 1 else 0 end",
        "\"select\" + 1",
        "doc @> '{}' and a #>> '{b}' = '?'",
        "table_name || valuesx",
    ];
    for sql in good {
        assert_eq!(check_expression(sql), Ok(()), "{sql}");
    }
}

#[test]
fn what_would_escape_its_row_or_statement_is_refused() {
    let bad = [
        "",
        " ",
        "a;b",
        "a--b",
        "a/*b*/",
        "(select 1)",
        "(SELECT 1)",
        "exists(table t)",
        "(values (1))",
        "(with x as (y) z)",
        "$1",
        "?",
        ":a",
        "@a",
        "(a",
        "a)",
        "(a]",
        "'a",
        "\"a",
        "$$a",
        "/* a",
        "U&'a'",
        "a\\b",
        "E'a\\'",
    ];
    for sql in bad {
        assert!(check_expression(sql).is_err(), "{sql} is accepted");
    }
}

/// Texts made of the pieces that lexers trip over.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        prop::sample::select(vec![
            "'", "\"", "$", "$$", "$a$", "E'", "U&'", "\\", "--", "/*", "*/", "\n", "1", ".", "..",
            "e", "0x", "é", "::", "select", "(", ")", "?", ";",
        ])
        .prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn tokens_cover_the_input_and_nothing_panics(sql in hostile()) {
        if let Ok(found) = tokens(&sql) {
            let whole: String = found.iter().map(|token| token.text).collect();
            prop_assert_eq!(&whole, &sql);
            prop_assert!(found.iter().all(|token| !token.text.is_empty()));
        }
        let _ = check_expression(&sql);
    }

    #[test]
    fn a_quoted_identifier_is_read_back(name in "[^\\x00-\\x1f\\x7f-\\x9f]{1,15}") {
        let ident = Ident::new(&name).unwrap();
        let quoted = ident.to_string();
        let found = tokens(&quoted).unwrap();
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(&found[0].kind, &TokenKind::Quoted(name));
    }

    #[test]
    fn a_quoted_literal_is_one_string(text in "[^\\x00]{0,20}", after in "[a-z]{1,5}") {
        let sql = format!("{} {after}x", quote_literal(&text));
        prop_assert_eq!(names(&sql), vec![format!("{after}x")]);
    }
}
