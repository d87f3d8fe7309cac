//! Changes of type that only touch the catalog: no row is rewritten or read.

/// A type as the server sees it.
#[derive(Debug, PartialEq, Eq)]
struct Type {
    name: &'static str,
    /// `(10, 2)`; empty if unlimited.
    limits: Vec<u32>,
}

/// Spellings of the types that can widen.
const NAMES: [(&str, &str); 13] = [
    ("varchar", "varchar"),
    ("character varying", "varchar"),
    ("text", "text"),
    ("numeric", "numeric"),
    ("decimal", "numeric"),
    ("cidr", "cidr"),
    ("inet", "inet"),
    ("varbit", "varbit"),
    ("bit varying", "varbit"),
    ("timestamp without time zone", "timestamp"),
    ("timestamp", "timestamp"),
    ("timestamp with time zone", "timestamptz"),
    ("timestamptz", "timestamptz"),
];

fn read(text: &str) -> Option<Type> {
    let text = text.trim().to_ascii_lowercase();
    let (bare, limits) = match (text.find('('), text.find(')')) {
        (Some(open), Some(close)) if open < close => {
            let rest = format!("{}{}", &text[..open], &text[close + 1..]);
            let limits: Result<Vec<u32>, _> = text[open + 1..close]
                .split(',')
                .map(|limit| limit.trim().parse())
                .collect();
            (rest, limits.ok()?)
        }
        _ => (text, Vec::new()),
    };
    let bare: Vec<&str> = bare.split_whitespace().collect();
    let bare = bare.join(" ");
    let (_, name) = NAMES.iter().find(|(spelt, _)| *spelt == bare)?;
    Some(Type { name, limits })
}

/// Whether the change keeps every row as it is, by the rules of
/// `ATColumnChangeRequiresRewrite` and the types' own support functions.
pub(super) fn is_safe(from: &str, to: &str) -> bool {
    let (Some(from), Some(to)) = (read(from), read(to)) else {
        return false;
    };
    match (from.name, to.name) {
        ("varchar", "text") | ("cidr", "inet") => to.limits.is_empty(),
        ("numeric", "numeric") => match (from.limits.as_slice(), to.limits.as_slice()) {
            (_, []) => true,
            ([digits, from @ ..], [more, to @ ..]) => {
                let scale = |limits: &[u32]| limits.first().copied().unwrap_or(0);
                scale(from) == scale(to) && digits <= more
            }
            ([], _) => false,
        },
        ("varchar" | "varbit" | "timestamp" | "timestamptz", same) if same == from.name => {
            match (from.limits.first(), to.limits.first()) {
                (_, None) => true,
                (Some(limit), Some(more)) => limit <= more,
                (None, Some(_)) => false,
            }
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_safe;

    #[test]
    fn only_what_keeps_every_row_is_safe() {
        for (from, to) in [
            ("character varying(50)", "varchar(100)"),
            ("character varying(50)", "varchar"),
            ("character varying(50)", "text"),
            ("numeric(10,2)", "decimal(12, 2)"),
            ("numeric(10,2)", "numeric"),
            ("cidr", "inet"),
            ("bit varying(8)", "varbit(9)"),
            ("timestamp(3) without time zone", "timestamp(6)"),
            ("timestamp(3) with time zone", "timestamptz"),
        ] {
            assert!(is_safe(from, to), "{from} to {to}");
        }
        for (from, to) in [
            ("character varying(50)", "varchar(49)"),
            ("text", "varchar(100)"),
            ("text", "citext"),
            ("numeric(10,2)", "numeric(12,3)"),
            ("numeric(10,2)", "numeric(9,2)"),
            ("numeric", "numeric(12,2)"),
            ("integer", "bigint"),
            ("inet", "cidr"),
            ("timestamp without time zone", "timestamptz"),
            ("timestamp(6) without time zone", "timestamp(3)"),
            ("bit(8)", "bit(9)"),
            ("varchar(x)", "text"),
        ] {
            assert!(!is_safe(from, to), "{from} to {to}");
        }
    }
}
