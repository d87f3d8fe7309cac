//! Statements of clients: what the check says is what a session finds that
//! has prepared them before anything was touched.

use crate::bench::{Case, run_on};
use crate::support::require_postgres;
use pilothouse::base::Stop;
use pilothouse::rollout::{Job, Report};
use sqlx::postgres::PgConnection;

const SHOP: &str = "CREATE SCHEMA shop; CREATE TYPE shop.mood AS ENUM ('ok');
    CREATE TABLE shop.customer (id bigint PRIMARY KEY, email varchar(50) NOT NULL, phone text, mood shop.mood,
      CONSTRAINT one_phone UNIQUE (phone));
    INSERT INTO shop.customer SELECT n, 'e' || n, 'p' || n, 'ok' FROM generate_series(1, 5000) n;
    ANALYZE shop.customer";

/// Statements of old clients: by id, by phone, everything, a write.
const BY_ID: &str = "SELECT id, email, mood FROM customer WHERE id = $1";
const BY_PHONE: &str = "SELECT id FROM customer WHERE phone = $1";
const ALL: &str = "SELECT * FROM customer WHERE id = $1";
const WRITE: &str = "UPDATE customer SET phone = phone WHERE id = $1 RETURNING email";

fn client(name: &str, version: &str, sql: &str, more: &str) -> String {
    format!(
        "[[client]]\nname = \"{name}\"\nversion = \"{version}\"\nsql = '{sql}'\nschema = \"shop\"\n{more}\n"
    )
}

/// A session that has prepared an old client's statement.
async fn session(case: &Case, sql: &str) -> PgConnection {
    let mut conn = case.connect("app").await;
    let prepare = format!("SET search_path = shop; PREPARE mine AS {sql}; EXECUTE mine(1)");
    assert_eq!(run_on(&mut conn, &prepare).await, Ok(()));
    conn
}

/// Takes it as far as it goes: the stop that fails and why, or the end.
async fn course(
    case: &Case,
    session: &mut PgConnection,
) -> Option<(Stop, String, Result<(), String>)> {
    let mut host = case.host();
    let stops = [
        Stop::Expand,
        Stop::DualWrite,
        Stop::Verify,
        Stop::Shift(10),
        Stop::Shift(100),
    ];
    host.advance_to(Stop::Snapshot).await;
    for stop in stops {
        for passed in host.route.clone() {
            if Some(passed) <= host.ended || passed > stop {
                continue;
            }
            match host.run(Job::Advance(passed)).await {
                Some(Report::Finished { .. }) => {}
                Some(Report::Failed { fault, .. }) => {
                    let executed = run_on(session, "EXECUTE mine(1)").await;
                    return Some((passed, fault.what, executed));
                }
                other => panic!("{passed}: {other:?}"),
            }
        }
        assert_eq!(run_on(session, "EXECUTE mine(1)").await, Ok(()), "{stop}");
    }
    host.advance_to(Stop::Drop).await;
    None
}

#[tokio::test]
async fn what_was_prepared_before_goes_on_or_the_client_is_named() {
    if !require_postgres() {
        return;
    }
    let add = "[[operation]]\nadd_column = { table = \"shop.customer\", column = { name = \"lower_email\", type = \"text\" }, up = \"lower(email)\" }\n";
    let widen = "[[operation]]\nalter_column = { table = \"shop.customer\", column = \"email\", type = \"varchar(100)\" }\n";
    let loosen =
        "[[operation]]\ndrop_constraint = { table = \"shop.customer\", name = \"one_phone\" }\n";
    let cached = "0A000: cached plan must not change result type";
    let cases = [
        (add, BY_ID, "", None),
        (add, WRITE, "", None),
        (
            add,
            ALL,
            "",
            Some((Stop::Expand, "lower_email text", Some(cached))),
        ),
        (widen, BY_PHONE, "plan_within = 2", None),
        (
            widen,
            WRITE,
            "",
            Some((Stop::Shift(10), "character varying(100)", Some(cached))),
        ),
        (loosen, BY_PHONE, "", None),
        (
            loosen,
            BY_PHONE,
            "plan_within = 2",
            Some((Stop::Shift(10), "does not use index one_phone", None)),
        ),
    ];
    for (operation, sql, more, breaks) in cases {
        let what = format!("{operation}{sql} {more}");
        let migration = format!("{operation}{}", client("shop web", "old", sql, more));
        let case = Case::new(SHOP, &migration).await;
        let mut session = session(&case, sql).await;
        let found = course(&case, &mut session).await;
        match (breaks, found) {
            (None, None) => {}
            (Some((stop, why, error)), Some((at, said, executed))) => {
                assert_eq!(at, stop, "{what}");
                assert!(
                    said.contains("shop web") && said.contains(why),
                    "{what}: {said}"
                );
                let wanted = error.map_or(Ok(()), |e: &str| Err(e.to_owned()));
                assert_eq!(executed, wanted, "{what}");
            }
            (wanted, found) => panic!("{what}: {found:?}, wanted {wanted:?}"),
        }
    }
}

/// With version schemas a new client finds its views by the schema that it
/// has always named.
#[tokio::test]
async fn a_new_client_finds_what_it_declares() {
    if !require_postgres() {
        return;
    }
    let versions = "versions = \"schemas\"\nversion = \"v2\"\n";
    let rename = "[[operation]]\nrename_column = { table = \"shop.customer\", from = \"phone\", to = \"mobile\" }\n";
    let of = |sql: &str, columns: &str, more: &str| {
        let columns = format!("columns = {columns}\n{more}");
        format!(
            "{versions}{rename}{}",
            client("shop app", "new", sql, &columns)
        )
    };
    let sql = "SELECT id, mobile FROM customer WHERE id = $1";
    for (migration, breaks) in [
        (of(sql, "[\"id\", \"mobile\"]", "role = \"owner\""), None),
        (
            of(sql, "[\"id\", \"phone\"]", ""),
            Some("it returns id, mobile, declared id, phone"),
        ),
        (
            of("SELECT phone FROM customer", "[]", ""),
            Some("column \"phone\" does not exist"),
        ),
        (
            of("DELETE FROM nothing", "[]", ""),
            Some("relation \"nothing\" does not exist"),
        ),
    ] {
        let case = Case::new(SHOP, &migration).await;
        let mut old = session(&case, BY_ID).await;
        match (breaks, course(&case, &mut old).await) {
            (None, None) => {}
            (Some(why), Some((Stop::Shift(10), said, _))) => {
                assert!(said.contains("shop app") && said.contains(why), "{said}");
            }
            (wanted, found) => panic!("{migration}: {found:?}, wanted {wanted:?}"),
        }
    }
}

#[tokio::test]
async fn a_client_that_cannot_be_looked_at_fails_preflight() {
    if !require_postgres() {
        return;
    }
    let operation = "[[operation]]\ncreate_index = { table = \"shop.customer\", name = \"i\", keys = [{ column = \"mood\" }] }\n";
    let never = client("old web", "old", "SELECT nothing FROM customer", "");
    let role = client("app", "new", "SELECT 1", "role = \"app\"");
    for (client, says) in [
        (never, &["old web", "column \"nothing\" does not exist"]),
        (role, &["app: ", "permission denied to set role \"app\""]),
    ] {
        let case = Case::new(SHOP, &format!("{operation}{client}")).await;
        match case.host().run(Job::Advance(Stop::Preflight)).await {
            Some(Report::Failed { fault, .. }) => {
                let says = says.iter().all(|word| fault.what.contains(word));
                assert!(says, "{}", fault.what);
            }
            other => panic!("{other:?}"),
        }
    }
}
