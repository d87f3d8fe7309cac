//! Operations that contradict each other, and clients that are not ones, are
//! refused when the file is read.

use pilothouse::migration::{self, ClientVersion};
use std::path::Path;

fn read(body: &str) -> Result<migration::Migration, String> {
    let text = format!("name = \"m\"\nversions = \"schemas\"\nversion = \"v2\"\n{body}");
    match migration::parse(&text, Path::new("m.toml")) {
        Ok(loaded) => Ok(loaded.migration),
        Err(found) => Err(found.to_string()),
    }
}

fn operations(list: &[&str]) -> Result<migration::Migration, String> {
    let each: Vec<String> = list
        .iter()
        .map(|o| format!("[[operation]]\n{o}\n"))
        .collect();
    read(&each.concat())
}

const DROP: &str = "drop_column = { table = \"t\", column = \"a\" }";
const ALTER: &str = "alter_column = { table = \"t\", column = \"a\", comment = \"x\" }";
const REMAKE: &str = "alter_column = { table = \"t\", column = \"a\", up = \"upper(a)\" }";
const RENAME: &str = "rename_column = { table = \"t\", from = \"a\", to = \"b\" }";
const INDEX: &str = "create_index = { table = \"t\", name = \"i\", keys = [{ column = \"a\" }] }";
const UNIQUE: &str = "create_constraint = { table = \"t\", constraint = { name = \"u\", unique = { columns = [\"a\"] } } }";
const KEY: &str = "create_constraint = { table = \"o\", constraint = { name = \"f\", foreign_key = { columns = [\"x\"], table = \"t\", referenced = [\"id\"] } } }";
const DROP_U: &str = "drop_constraint = { table = \"t\", name = \"u\" }";
const RENAME_U: &str = "rename_constraint = { table = \"t\", from = \"u\", to = \"v\" }";
const DROP_I: &str = "drop_index = { index = \"i\" }";
const DROP_T: &str = "drop_table = { table = \"t\" }";
const RENAME_T: &str = "rename_table = { table = \"t\", to = \"u\" }";

#[test]
fn what_one_takes_no_other_works_on() {
    for (list, says) in [
        (
            &[ALTER, DROP][..],
            "operation 2 drops column a of public.t, which operation 1 works on too",
        ),
        (&[DROP, RENAME], "operation 1 drops column a"),
        (&[DROP, DROP], "drops column a"),
        (&[INDEX, DROP], "operation 2 drops column a"),
        (&[UNIQUE, DROP], "operation 2 drops column a"),
        (&[REMAKE, ALTER], "operation 1 makes a new form of column a"),
        (&[REMAKE, REMAKE], "makes a new form of column a"),
        (&[INDEX, REMAKE], "operation 2 makes a new form of column a"),
        (&[RENAME, RENAME], "renames column a"),
        (
            &[DROP_U, RENAME_U],
            "operation 1 drops constraint u of public.t",
        ),
        (&[DROP_U, DROP_U], "drops constraint u"),
        (&[DROP_I, DROP_I], "drops index public.i"),
        (&[ALTER, DROP_T], "operation 2 drops table public.t"),
        (&[DROP_T, RENAME_T], "operation 1 drops table public.t"),
        (&[RENAME_T, RENAME_T], "renames table public.t"),
        (&[KEY, DROP_T], "operation 2 drops table public.t"),
    ] {
        let found = operations(list).expect_err(says);
        assert!(found.contains(says), "{list:?}: {found}");
    }
}

#[test]
fn what_goes_together_is_accepted() {
    for list in [
        &[ALTER, RENAME][..],
        &[REMAKE, RENAME],
        &[ALTER, INDEX, UNIQUE],
        &[RENAME, INDEX],
        &[RENAME_T, ALTER],
        &[DROP, DROP_I],
        &[ALTER, ALTER],
    ] {
        assert!(operations(list).is_ok(), "{list:?}: {:?}", operations(list));
    }
}

#[test]
fn a_client_is_one_statement_of_one_version() {
    let client = |lines: &str| read(&format!("[[operation]]\n{ALTER}\n[[client]]\n{lines}"));
    let whole = "name = \"web\"\nversion = \"old\"\nsql = \"SELECT a FROM t WHERE id = $1 AND b > $2\"\nplan_within = 3";
    let migration = client(whole).unwrap();
    assert_eq!(migration.clients[0].version, ClientVersion::Old);
    assert_eq!(migration.clients[0].parameters(), 2);
    for (lines, says) in [
        (
            "name = \" \"\nversion = \"old\"\nsql = \"SELECT 1\"",
            "a client needs a name",
        ),
        (
            "name = \"web\"\nversion = \"odd\"\nsql = \"SELECT 1\"",
            "unknown version \"odd\"",
        ),
        (
            "name = \"web\"\nversion = \"old\"\nsql = \"SELECT 1; DROP TABLE t\"",
            "would start a second statement",
        ),
        (
            "name = \"web\"\nversion = \"old\"\nsql = \"\"",
            "there is nothing here",
        ),
        (
            "name = \"web\"\nversion = \"new\"\nsql = \"SELECT 1\"\nplan_within = 2",
            "had no plan before",
        ),
        (
            "name = \"web\"\nversion = \"old\"\nsql = \"SELECT 1\"\nplan_within = 0",
            "choose from 1 to 1000",
        ),
    ] {
        let found = client(lines).expect_err(says);
        assert!(found.contains(says), "{lines}: {found}");
    }
    let twice = format!("{whole}\n[[client]]\n{whole}");
    assert!(
        client(&twice)
            .unwrap_err()
            .contains("two clients named \"web\"")
    );
}
