//! Every mistake gives one clear error, and the shard stays as it was.

use crate::bench::{Case, connect, database, endpoint, open, read, run_on, spec, texts_on};
use crate::contract_cases::host::Host;
use crate::contract_cases::route;
use crate::support::require_postgres;
use pilothouse::base::Stop;
use pilothouse::lab::{Lab, LabSpec};
use pilothouse::shard::Shard;
use pilothouse::worker::{Check, CheckVerdict, Op, Reply};
use std::process::Command;
use std::sync::Arc;

const TABLE: &str = "CREATE TABLE t (id bigint PRIMARY KEY, old text, n integer);
    INSERT INTO t SELECT n, 'v' || n, n FROM generate_series(1, 20) AS n";

/// A mistake, and how to make it.
struct Mistake {
    name: &'static str,
    /// Run by the owner.
    setup: String,
    /// Run by the superuser afterwards.
    after: &'static str,
    /// `column`, `up`, `down` of the migration.
    change: [&'static str; 3],
    /// Put into the shard's section.
    shard: fn(u16, &str) -> String,
}

impl Mistake {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            setup: TABLE.into(),
            after: "SELECT 1",
            change: [
                r#"{ name = "new", type = "text" }"#,
                "'n:' || old",
                r#"{ old = "substr(new, 3)" }"#,
            ],
            shard: |_, _| String::new(),
        }
    }

    fn up(self, up: &'static str) -> Self {
        let [column, _, down] = self.change;
        Self {
            change: [column, up, down],
            ..self
        }
    }

    fn setup(self, more: &str) -> Self {
        Self {
            setup: format!("{TABLE}; {more}"),
            ..self
        }
    }
}

fn mistakes() -> Vec<Mistake> {
    let m = Mistake::new;
    vec![
        Mistake {
            change: [
                r#"{ name = "new", type = "bigint" }"#,
                "old",
                r#"{ old = "new::text" }"#,
            ],
            ..m("type")
        },
        m("unknown_function").up("no_such_function(old)"),
        m("random").up("old || random()::text"),
        m("now").up("old || now()::text"),
        m("clock").up("old || clock_timestamp()::text"),
        m("sequence")
            .setup("CREATE SEQUENCE s")
            .up("old || nextval('public.s')::text"),
        Mistake {
            setup: TABLE.replace(" PRIMARY KEY", ""),
            ..m("no_key")
        },
        m("user_trigger").setup(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
             CREATE TRIGGER audit BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()",
        ),
        m("trigger_after_ours").setup(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
             CREATE TRIGGER zzzzz BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()",
        ),
        Mistake {
            setup: TABLE
                .replace(
                    "n integer)",
                    "n integer, g text GENERATED ALWAYS AS (old || '!') STORED)",
                )
                .replace("INTO t SELECT", "INTO t (id, old, n) SELECT"),
            ..m("generated").up("g")
        },
        Mistake {
            shard: |_, _| "[throttle]\ndisk_free_bytes = 1073741824".into(),
            ..m("disk_limit")
        },
        m("column_there").setup("ALTER TABLE t ADD COLUMN new text"),
        m("leftovers").setup("ALTER TABLE t ADD CONSTRAINT pilothouse_not_null_x CHECK (id > 0)"),
        Mistake {
            setup: "CREATE TABLE other (id bigint PRIMARY KEY)".into(),
            ..m("table_missing")
        },
        Mistake {
            change: [
                r#"{ name = "new", type = "text" }"#,
                "'n:' || old",
                r#"{ n = "new::int" }"#,
            ],
            ..m("down_fails")
        },
        m("up_fails").up("(100 / (n - 7))::text"),
        Mistake {
            change: [
                r#"{ name = "new", type = "json" }"#,
                "to_json(old)",
                r#"{ old = "new::text" }"#,
            ],
            ..m("json")
        },
        Mistake {
            after: "ALTER TABLE t OWNER TO postgres; GRANT SELECT ON t TO migrator",
            ..m("not_owner")
        },
        Mistake {
            shard: |port, database| {
                format!("replicas = [\"postgres://migrator@localhost:{port}/{database}\"]")
            },
            ..m("replica_is_no_replica")
        },
        Mistake {
            shard: |_, database| {
                format!("replicas = [\"postgres://migrator@127.0.0.1:1/{database}\"]")
            },
            ..m("replica_unreachable")
        },
    ]
}

const STATE: &str = "SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
    SELECT format('%s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod)) AS line FROM pg_attribute
      WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
    UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger
    UNION ALL SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint
    UNION ALL SELECT nspname FROM pg_namespace
    UNION ALL SELECT oid::regprocedure::text FROM pg_proc
    UNION ALL SELECT 'rows ' || coalesce(md5(query_to_xml('TABLE public.t', true, true, '')::text), '') WHERE to_regclass('public.t') IS NOT NULL) l";

/// Ports, digests and times are of this run only.
fn normal(text: &str, port: u16, database: &str, folder: &str) -> String {
    let text = text
        .replace(&format!(":{port}"), ":PORT")
        .replace(database, "DATABASE")
        .replace(&format!("{folder}/"), "");
    let is_time = |line: &str| line.as_bytes().get(2) == Some(&b':') && line.len() > 9;
    // How far a line is underlined depends on the port's digits.
    let text: Vec<&str> = text
        .lines()
        .map(|line| if is_time(line) { &line[9..] } else { line })
        .map(|line| match line.find('^') {
            Some(at) if line.ends_with('^') => &line[..=at],
            _ => line,
        })
        .collect();
    let text = text.join("\n");
    let mut out = String::new();
    // Seals come by the clock, and every entry after one has another number.
    let mut numbers_an_entry = false;
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let digits = bare.chars().filter(char::is_ascii_digit).count();
        let hex = bare.chars().all(|c| c.is_ascii_hexdigit());
        if std::mem::replace(&mut numbers_an_entry, word.ends_with('#')) && digits == bare.len() {
            out.push_str(&word.replacen(bare, "N", 1));
            continue;
        }
        match (bare.len() >= 8 && digits >= 2 && hex) || (digits >= 4 && digits == bare.len()) {
            true => out.push_str(&word.replace(bare, "#")),
            false => out.push_str(word),
        }
    }
    out
}

fn pilothouse(folder: &std::path::Path, fleet: &str, migration: &str) -> (Option<i32>, String) {
    std::fs::write(folder.join("fleet.toml"), fleet).unwrap();
    std::fs::write(folder.join("change.toml"), migration).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_pilothouse"))
        .current_dir(folder)
        .args(["run", "--headless", "--promote", "auto", "--to", "verify"])
        .args(["--fleet", "fleet.toml", "--migration", "change.toml"])
        .output()
        .unwrap();
    (done.status.code(), String::from_utf8(done.stderr).unwrap())
}

fn fleet(shards: &[String]) -> String {
    format!(
        "name = \"f\"\nstore = \"store\"\n[environment]\nname = \"test\"\nproduction = false\n[flags]\ndirectory = \"flags\"\n[[ring]]\nname = \"canary\"\n{}",
        shards.concat()
    )
}

fn section(name: &str, port: u16, database: &str, more: &str) -> String {
    format!(
        "[[shard]]\nname = \"{name}\"\nring = \"canary\"\ncandidates = [\"postgres://migrator@127.0.0.1:{port}/{database}\"]\nddl_role = \"owner\"\n{more}\n"
    )
}

fn migration([column, up, down]: [&str; 3]) -> String {
    format!(
        "name = \"change\"\n\n[[operation]]\n[operation.add_column]\ntable = \"t\"\ncolumn = {column}\nup = \"{up}\"\ndown = {down}\n"
    )
}

async fn state(lab: &Arc<Lab>, database: &str) -> Option<String> {
    let port = lab.record().server("s01").unwrap().port;
    let mut conn = connect(port, database, "postgres").await;
    texts_on(&mut conn, STATE).await[0][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_is_told_clearly_and_touches_nothing() {
    if !require_postgres() {
        return;
    }
    let mut told = String::new();
    for mistake in mistakes() {
        let (lab, port, database) = database(&mistake.setup).await;
        let mut conn = connect(port, &database, "postgres").await;
        run_on(&mut conn, mistake.after).await.unwrap();
        let before = state(&lab, &database).await;
        let folder = tempfile::tempdir().unwrap();
        let shard = section("s01", port, &database, &(mistake.shard)(port, &database));
        let (code, text) = pilothouse(folder.path(), &fleet(&[shard]), &migration(mistake.change));
        assert!(
            matches!(code, Some(1 | 2)),
            "{}: {code:?}\n{text}",
            mistake.name
        );
        assert_eq!(state(&lab, &database).await, before, "{}", mistake.name);
        let text = normal(&text, port, &database, &folder.path().display().to_string());
        told.push_str(&format!(
            "=== {} (exit {})\n{text}\n",
            mistake.name,
            code.unwrap_or(-1)
        ));
    }
    insta::assert_snapshot!(told);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_wrong_are_told_with_their_place() {
    if !require_postgres() {
        return;
    }
    let (lab, port, database) = database(TABLE).await;
    let before = state(&lab, &database).await;
    let good = migration(Mistake::new("").change);
    let mut told = String::new();
    for shards in [
        vec![section("s01", 1, "shop", "")],
        vec![section("s01", port, "no_such_database", "")],
        vec![
            section("s01", port, &database, ""),
            section("s02", port, &database, ""),
        ],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (code, text) = pilothouse(folder.path(), &fleet(&shards), &good);
        assert_eq!(code, Some(2), "{text}");
        let text = normal(&text, port, &database, &folder.path().display().to_string());
        told.push_str(&format!("=== exit {}\n{text}\n", code.unwrap_or(-1)));
    }
    assert_eq!(state(&lab, &database).await, before);
    insta::assert_snapshot!(told);
}

const PLAIN: &str = "[[operation]]\n[operation.add_column]\ntable = \"t\"\n\
    column = { name = \"new\", type = \"text\" }\nup = \"'n:' || old\"\ndown = { old = \"substr(new, 3)\" }\n";

async fn preflight(host: &mut Host) -> Vec<Check> {
    match host.ask(Op::Check("preflight".into())).await {
        Reply::Checked(checks) => checks,
        other => panic!("{other:?}"),
    }
}

fn listed(checks: &[Check]) -> String {
    let line = |c: &Check| {
        format!(
            "{:?} {}: {}\n  needs {}\n  remedy {}\n",
            c.verdict, c.name, c.value, c.limit, c.remedy
        )
    };
    checks.iter().map(line).collect()
}

/// Hides what is of this run only; short numbers of bytes and seconds stay.
fn steady(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let hex = bare.len() >= 8 && bare.chars().all(|c| c.is_ascii_hexdigit());
        let digits = !bare.is_empty() && bare.chars().all(|c| c.is_ascii_digit());
        let hide = digits && (out.ends_with("oldest ") || out.ends_with("keeps "));
        let hide = hide
            || (hex && bare.contains(|c: char| c.is_ascii_digit()))
            || (digits && bare.len() > 2);
        out.push_str(&if hide {
            word.replacen(bare, "#", 1)
        } else {
            word.to_owned()
        });
    }
    out
}

/// A server of its own: slots and roles are seen from every database.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_worth_knowing_is_told_with_its_remedy() {
    if !require_postgres() {
        return;
    }
    let lab = Lab::start(LabSpec::scratch()).await.unwrap();
    let port = lab.record().server("s01").unwrap().port;
    let mut admin = connect(port, "postgres", "postgres").await;
    run_on(&mut admin, "CREATE DATABASE around OWNER owner")
        .await
        .unwrap();
    let mut conn = connect(port, "around", "postgres").await;
    run_on(&mut conn, "SET ROLE owner").await.unwrap();
    run_on(&mut conn, TABLE).await.unwrap();
    run_on(&mut conn, "RESET ROLE").await.unwrap();
    let spec = spec(vec![endpoint(port, "around")], Vec::new());
    let shard = Arc::new(open(&spec, &read(PLAIN)).await.unwrap());
    let mut host = Host::new(shard as Arc<dyn Shard>, &route(), "r-1");
    let plain = preflight(&mut host).await;
    for make in [
        "CREATE PUBLICATION feed FOR TABLE t",
        "SELECT pg_create_physical_replication_slot('left_behind', true)",
        "ALTER ROLE migrator CREATEDB REPLICATION",
        "GRANT pg_read_all_data TO migrator",
        "ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT SELECT ON TABLES TO app",
        "CREATE SCHEMA pilothouse AUTHORIZATION owner",
        "GRANT USAGE ON SCHEMA pilothouse TO app",
        "CREATE EXTENSION pg_stat_statements",
    ] {
        run_on(&mut conn, make).await.unwrap();
    }
    // The reader of everything is still in its transaction.
    let mut reader = connect(port, "around", "postgres").await;
    run_on(&mut reader, "SET application_name = 'report'")
        .await
        .unwrap();
    run_on(&mut reader, "BEGIN").await.unwrap();
    run_on(&mut reader, "SELECT * FROM t").await.unwrap();
    let told = preflight(&mut host).await;
    let failed = |c: &&Check| c.verdict == CheckVerdict::Fail;
    assert_eq!(told.iter().find(failed), None);
    let text = format!("=== plain\n{}=== much\n{}", listed(&plain), listed(&told));
    insta::assert_snapshot!(steady(&text.replace(&port.to_string(), "PORT")));
    drop(reader);
    // With the library loaded, what ran before is known too.
    let load = "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'";
    run_on(&mut conn, load).await.unwrap();
    lab.kill_server("s01").await.unwrap();
    lab.start_server("s01").await.unwrap();
    let mut conn = connect(port, "around", "postgres").await;
    for statement in [
        "SELECT * FROM t",
        "CREATE TABLE made AS SELECT t.* FROM t",
        "SELECT id, old FROM t",
    ] {
        run_on(&mut conn, statement).await.unwrap();
    }
    drop(conn);
    let shard = Arc::new(open(&spec, &read(PLAIN)).await.unwrap());
    let mut host = Host::new(shard as Arc<dyn Shard>, &route(), "r-1");
    let told = preflight(&mut host).await;
    let star = told
        .iter()
        .find(|c| c.name == "preflight/select_star")
        .unwrap();
    assert_eq!(star.verdict, CheckVerdict::Warn);
    assert!(
        star.value.contains("SELECT * FROM t") && star.value.contains("SELECT t.*"),
        "{star:?}"
    );
    assert!(!star.value.contains("old"), "{star:?}");
    lab.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_odd_shard_is_named_with_what_differs_and_stays_as_it_was() {
    if !require_postgres() {
        return;
    }
    let mut sections = Vec::new();
    let mut places = Vec::new();
    // Order of columns, owner and names of constraints mean nothing.
    let same = "CREATE TABLE t (n integer, id bigint CONSTRAINT other_name PRIMARY KEY, old text)";
    for (name, table) in [
        (
            "s01",
            "CREATE TABLE t (id bigint PRIMARY KEY, old text, n integer)",
        ),
        ("s02", same),
        (
            "s03",
            "CREATE TABLE t (id bigint PRIMARY KEY, old varchar(9), n integer)",
        ),
        ("s04", "CREATE TABLE t (id bigint PRIMARY KEY, old text)"),
    ] {
        let (lab, port, database) = database(table).await;
        // The failure of one does not stop the others here.
        let more = if name == "s04" {
            "[policy]\nmax_failed_shards = 1"
        } else {
            ""
        };
        sections.push(section(name, port, &database, more));
        places.push((lab, database));
    }
    let (lab, odd) = &places[2];
    let before = state(lab, odd).await;
    let folder = tempfile::tempdir().unwrap();
    let good = migration(Mistake::new("").change);
    let (code, text) = pilothouse(folder.path(), &fleet(&sections), &good);
    assert_eq!(code, Some(1), "{text}");
    let says = "shard s03 (engine): failed (preflight/drift): public.t column old is character varying(9) here, text on 3 of 4 shards";
    assert!(text.contains(says), "{text}");
    assert!(
        text.contains("bring the table to one shape on all shards"),
        "{text}"
    );
    assert!(
        !text.contains("s01 (engine): failed") && !text.contains("s02 (engine): failed"),
        "{text}"
    );
    // What the migration has nothing to do with is told and does not stop it.
    let beside = "preflight/drift: public.t column n is missing here, integer on 3 of 4 shards";
    assert!(
        text.contains(beside) && !text.contains("s04 (engine): failed"),
        "{text}"
    );
    assert_eq!(state(lab, odd).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_column_may_have_a_default_that_changes() {
    if !require_postgres() {
        return;
    }
    let table = "CREATE TABLE t (id bigint PRIMARY KEY, old text DEFAULT random()::text)";
    let (case, mut host) = Case::at(table, PLAIN, Stop::DualWrite).await;
    case.app("INSERT INTO t (id) SELECT generate_series(1, 50)")
        .await;
    let wrong = case
        .rows("SELECT count(*) FROM t WHERE new IS DISTINCT FROM 'n:' || old")
        .await;
    assert_eq!(wrong, "0");
    host.advance_to(Stop::Verify).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shard_keeps_receipts_and_heads_and_voids_them_with_the_generation() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(TABLE, PLAIN, Stop::Verify).await;
    let receipts =
        "SELECT stop, generation, ranges > 0, rows, stale FROM pilothouse.receipts ORDER BY stop";
    assert_eq!(
        case.rows(receipts).await,
        "backfill|1|t|20|0, verify|1|t|20|0"
    );
    let proof = "SELECT r.digest_1 = sum(c.digest_1) FROM pilothouse.receipts r JOIN pilothouse.checkpoint c USING (job)
        WHERE r.stop = 'verify' GROUP BY r.digest_1";
    assert_eq!(case.rows(proof).await, "t");
    let head: pilothouse::journal::Head = format!("7:{}", "ab".repeat(32)).parse().unwrap();
    let stop = Stop::Verify;
    let approvals = vec!["1f00c2d3".to_owned()];
    let warrant = pilothouse::worker::Warrant { head, approvals };
    host.ask(Op::BeginStop { stop, warrant }).await;
    let witness =
        "SELECT seq, left(head, 4), stop, approvals FROM pilothouse.witness WHERE seq > 0";
    assert_eq!(case.rows(witness).await, "7|abab|verify|1f00c2d3");
    // Nobody can say what a proof is worth once dual write was off.
    let done = host.ask(Op::MendDualWrite).await;
    assert!(matches!(done, Reply::Done { generation: 2 }), "{done:?}");
    assert_eq!(case.rows(receipts).await, "");
}
