//! Good files: what is read, where it stands, what its digests cover.

use pilothouse::base::{Period, Stage};
use pilothouse::fleet::{self, Endpoint, Fleet, LoadedFleet, PostgresEndpoint, SecretRef, Tls};
use pilothouse::fleet::{parse_endpoint, parse_secret_ref};
use pilothouse::migration::{self, Fill, Migration, Operation};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const SMALL: &str = r#"
name = "shop"
[environment]
name = "test"
production = false
[[ring]]
name = "canary"
[[ring]]
name = "broad"
[[shard]]
name = "s01"
ring = "canary"
candidates = [
    "postgres://app@127.0.0.1/shop_01",
    "postgres://app@127.0.0.1:5433/shop_01",
]
[[shard]]
name = "s02"
ring = "broad"
candidates = ["sqlite:data/s02.db"]
"#;

fn load(text: &str) -> LoadedFleet {
    fleet::parse(text, Path::new("/etc/shop/fleet.toml")).unwrap_or_else(|bad| panic!("{bad}"))
}

fn small() -> Fleet {
    load(SMALL).fleet
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("config/examples")
        .join(name)
}

fn read_migration(name: &str) -> Migration {
    let loaded = migration::load(&example(name));
    loaded.unwrap_or_else(|bad| panic!("{bad}")).migration
}

#[test]
fn the_example_fleet_loads_with_every_key() {
    let loaded = fleet::load(&example("fleet.toml")).unwrap_or_else(|bad| panic!("{bad}"));
    let fleet = loaded.fleet;
    assert!(fleet.environment.production);
    assert_eq!(fleet.policy.approvals[&Stage::Contract], 0);
    assert_eq!(fleet.throttle.archive_segments, Some(64));
    assert_eq!(fleet.instances["pg-a"], 2);
    assert_eq!(fleet.guards[0].signal, "replica_lag_ms");
    assert_eq!(fleet.shards[0].labels["tier"], "gold");
    assert!(fleet.store.is_absolute() && fleet.store.ends_with("config/examples/.pilothouse"));
    let Endpoint::Postgres(first) = &fleet.shards[0].candidates[0] else {
        panic!("not postgres")
    };
    assert_eq!(first.password, Some(SecretRef::Env("SHOP_PASSWORD".into())));
    let root = Some(example("certs/ca.pem"));
    assert_eq!(first.tls, Tls::VerifyFull { root });
}

#[test]
fn defaults_are_the_documented_ones() {
    let documented = fleet::load(&example("fleet.toml")).unwrap().fleet;
    let mut policy = documented.policy.clone();
    policy.approvals.clear();
    let fleet = small();
    assert_eq!(fleet.policy, policy);
    assert_eq!(fleet.throttle.poll, documented.throttle.poll);
    assert_eq!(fleet.throttle.stale_after, documented.throttle.stale_after);
    assert_eq!(fleet.throttle.replica_lag, documented.throttle.replica_lag);
    assert_eq!(fleet.throttle.active_sessions, None);
    assert_eq!(fleet.store, Path::new("/etc/shop/.pilothouse"));
    assert_eq!(fleet.flags, Path::new("/etc/shop/flags"));
    assert_eq!(fleet.shards[1].instance, "s02");
    assert!(fleet.instances.is_empty());
    let ring = &fleet.rings[1];
    let names: Vec<&str> = fleet
        .ring_shards(ring)
        .map(|shard| shard.name.as_str())
        .collect();
    assert_eq!(names, ["s02"]);
}

#[test]
fn a_key_is_found_by_name_and_number_and_a_missing_one_by_its_parent() {
    let source = load(SMALL).source;
    let second = source.at("shard.s01.candidates.2");
    assert_eq!((second.line, second.column), (15, 5));
    assert_eq!(second, source.at("shard[1].candidates[2]"));
    assert_eq!(source.at("shard.s02.candidates").line, 20);
    let absent = source.at("shard.s02.ddl_role");
    assert_eq!(
        (absent.line, absent.key.as_str()),
        (17, "shard.s02.ddl_role")
    );
    assert_eq!(source.at("no.such.key").line, 1);
    let told = source
        .diagnostic("shard.s02.candidates", "unreachable", "start it")
        .to_string();
    assert!(told.contains("fleet.toml:20:14: unreachable"), "{told}");
    assert!(told.contains("key: shard.s02.candidates"), "{told}");

    let text = std::fs::read_to_string(example("migration.toml")).unwrap();
    let source = migration::parse(&text, Path::new("m.toml")).unwrap().source;
    let up = source.at("operation.1.up");
    let wanted = text
        .lines()
        .position(|line| line.starts_with("up = "))
        .unwrap()
        + 1;
    assert_eq!((up.line, up.column), (wanted, 6));
    assert_eq!(up.line, source.at("operation.1.add_column.up").line);
}

#[test]
fn the_shard_set_digest_covers_identities_only() {
    let digest = |text: &str| load(text).fleet.shard_set_digest();
    let base = digest(SMALL);
    let same = [
        SMALL.replace("127.0.0.1/shop_01", "localhost/shop_01"),
        SMALL.replace("app@", "other@"),
        SMALL.replace("data/s02.db", "moved/s02.db"),
        SMALL.replace(
            "ring = \"broad\"",
            "ring = \"broad\"\nlabels = { a = \"b\" }",
        ),
    ];
    for text in same {
        assert_eq!(digest(&text), base, "{text}");
    }
    let other = [
        SMALL.replace("\"shop\"", "\"shop2\""),
        SMALL.replace("shop_01", "shop_02"),
        SMALL.replace("\"s02\"", "\"s03\""),
        SMALL.replace("ring = \"broad\"", "ring = \"broad\"\ninstance = \"pg-b\""),
        SMALL
            .replace("canary", "x")
            .replace("broad", "canary")
            .replace("\"x\"", "\"broad\""),
    ];
    for text in other {
        assert_ne!(digest(&text), base, "{text}");
    }
}

#[test]
fn a_shard_list_comes_from_a_file_or_a_command_with_places_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (head, list) = SMALL.split_once("[[shard]]").unwrap();
    let list = format!("[[shard]]{list}");
    std::fs::write(folder.path().join("shards.toml"), &list).unwrap();
    let path = folder.path().join("fleet.toml");
    let inline = small().shard_set_digest();
    for from in [
        "{ file = \"shards.toml\" }",
        "{ command = [\"cat\", \"shards.toml\"] }",
    ] {
        let text = format!("shards = {from}\n{head}");
        let loaded = fleet::parse(&text, &path).unwrap_or_else(|bad| panic!("{bad}"));
        assert_eq!(loaded.fleet.shard_set_digest(), inline);
        let place = loaded.source.at("shard.s02.ring");
        assert_eq!(place.line, 10);
        assert!(!place.file.ends_with("fleet.toml"), "{place}");
    }
    std::fs::write(
        folder.path().join("shards.toml"),
        list.replace("broad", "brod"),
    )
    .unwrap();
    let text = format!("shards = {{ file = \"shards.toml\" }}\n{head}");
    let told = fleet::parse(&text, &path).unwrap_err().to_string();
    assert!(
        told.contains("shards.toml:10:8: shard \"s02\" is in ring \"brod\""),
        "{told}"
    );
    assert!(told.contains("did you mean \"broad\"?"), "{told}");
}

#[test]
fn secrets_are_followed_and_a_file_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "open sesame\n").unwrap();
    let set_mode = |mode| std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
    let reference = parse_secret_ref("file:secret", folder.path()).unwrap();
    for open in [0o640, 0o604, 0o660, 0o620] {
        set_mode(open);
        let refused = reference.resolve().unwrap_err().to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
    }
    set_mode(0o600);
    let secret = reference.resolve().unwrap();
    assert_eq!(secret.reveal(), "open sesame");
    assert!(!format!("{secret:?}{reference:?}").contains("sesame"));

    let printed = parse_secret_ref("exec:printf one\\ntwo\\n", folder.path()).unwrap();
    assert_eq!(printed.resolve().unwrap().reveal(), "one");
    let failed = parse_secret_ref("exec:false", folder.path()).unwrap();
    assert!(failed.resolve().is_err());
    let unset = parse_secret_ref("env:PILOTHOUSE_TEST_NOT_SET", folder.path()).unwrap();
    assert!(
        unset
            .resolve()
            .unwrap_err()
            .to_string()
            .contains("PILOTHOUSE_TEST_NOT_SET")
    );
}

#[test]
fn an_address_means_what_it_says() {
    let read = |text: &str| match parse_endpoint(text, Path::new("/etc/shop")) {
        Ok(Endpoint::Postgres(endpoint)) => endpoint,
        other => panic!("{text}: {other:?}"),
    };
    let plain = read("postgres://app@DB.internal/shop");
    assert_eq!((plain.host.as_str(), plain.port), ("db.internal", 5432));
    assert_eq!(plain.tls, Tls::VerifyFull { root: None });
    assert_eq!(read("postgres://app@[::1]:6000/shop").tls, Tls::Off);
    assert_eq!(read("postgres://app@127.3.2.1/shop").tls, Tls::Off);
    assert_eq!(
        read("postgres://app@[2001:db8::1]/shop").tls,
        Tls::VerifyFull { root: None }
    );
    let socket = read("postgresql://a%40b@:6432/s%2Fh?host=/run/postgresql");
    assert_eq!(socket.host, "/run/postgresql");
    assert_eq!(
        (socket.user.as_str(), socket.database.as_str()),
        ("a@b", "s/h")
    );
    assert_eq!((socket.port, socket.tls), (6432, Tls::Off));
    let file = parse_endpoint("sqlite:a/./b/../s.db", Path::new("/etc/shop")).unwrap();
    assert_eq!(file, Endpoint::Sqlite("/etc/shop/a/s.db".into()));
}

#[test]
fn the_example_migrations_load_and_their_digest_ignores_layout() {
    let pgbench = read_migration("pgbench-balance-cents.toml");
    let Operation::AddColumn(add) = &pgbench.operations[0] else {
        panic!("not add_column")
    };
    assert_eq!(add.table.to_string(), "\"public\".\"pgbench_accounts\"");
    assert_eq!(add.up.as_deref(), Some("abalance::bigint * 100"));
    assert_eq!((add.nullable, add.fill), (false, Fill::Always));
    let every = read_migration("operations.toml");
    let words: BTreeSet<&str> = every.operations.iter().map(Operation::word).collect();
    assert_eq!(words.len(), 14, "backfill is in migration.toml: {words:?}");
    let full = read_migration("migration.toml");
    assert_eq!(full.operations.len(), 5);
    assert_eq!(full.chunks.rows_per_s_max, Some(20_000));
    assert_ne!(full.plan_digest(), pgbench.plan_digest());

    let text = std::fs::read_to_string(example("pgbench-balance-cents.toml")).unwrap();
    let digest = |text: &str| {
        migration::parse(text, Path::new("m.toml"))
            .unwrap()
            .migration
            .plan_digest()
    };
    let written_out = format!("# a comment\n{text}\n[chunks]\ntarget = \"200ms\"\n");
    assert_eq!(digest(&written_out), pgbench.plan_digest());
    assert_ne!(
        digest(&text.replace("* 100", "* 101")),
        pgbench.plan_digest()
    );
}

#[test]
fn what_only_looks_like_a_mistake_is_accepted() {
    let add = |name: &str, up: &str, down: &str| {
        format!(
            "add_column = {{ table = \"t\", column = {{ name = \"{name}\", type = \"int\" }}, up = \"{up}\", down = {{ {down} }} }}"
        )
    };
    let good = [
        add("year", "extract(year from made)::int", ""),
        add("time", "made at time zone 'UTC'", ""),
        add("date", "made::date - date '2020-01-01'", "made = \"date(cast(date as date))\""),
        add("lower", "lower(name)", ""),
        "sql = { up = \"refresh materialized view concurrently v\", down = \"select 1; -- none\" }".into(),
        "sql = { up = \"create index i on t (concurrently_done)\", down = \"drop index i;\" }".into(),
        "sql = { up = \"create function f() returns void language sql as $$ begin; commit $$\", down = \"drop function f\" }".into(),
    ];
    for operation in good {
        let text = format!("name = \"m\"\n[[operation]]\n{operation}\n");
        if let Err(bad) = migration::parse(&text, Path::new("m.toml")) {
            panic!("{bad}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.toml");
    let told = fleet::load(&path).unwrap_err().to_string();
    assert!(
        told.contains("fleet.toml: the file cannot be read: No such file"),
        "{told}"
    );
    std::fs::write(&path, b"name = \"\xff\"").unwrap();
    let told = migration::load(&path).unwrap_err().to_string();
    assert!(told.contains("UTF-8"), "{told}");
}

#[test]
fn a_large_fleet_is_read_in_a_moment() {
    let mut text = SMALL.split("[[shard]]").next().unwrap().to_owned();
    for number in 0..10_000 {
        let ring = if number % 10 == 0 { "canary" } else { "broad" };
        text.push_str(&format!(
            "[[shard]]\nname = \"s{number}\"\nring = \"{ring}\"\ncandidates = [\"postgres://a@h{number}.internal/d\"]\n[instances.s{number}]\nmax_running = 1\n"
        ));
    }
    let start = std::time::Instant::now();
    assert_eq!(load(&text).fleet.shards.len(), 10_000);
    let took = start.elapsed();
    assert!(took < std::time::Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_table_name_reads_back_as_it_prints() {
    for text in [
        "accounts",
        "shop.accounts",
        "\"we.ird\".\"t\"",
        "\"say \"\"hi\"\"\".Users",
    ] {
        let name: migration::TableName = text.parse().unwrap();
        assert_eq!(name.to_string().parse(), Ok(name));
    }
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    let text = "[a-zA-Z0-9 @/:%?&=#é.-]{1,12}";
    let host = prop_oneof![
        "[a-z][a-z0-9-]{0,8}(\\.[a-z]{2,5})?",
        "/[a-z @%&]{1,12}",
        any::<std::net::Ipv6Addr>().prop_map(|address| address.to_string()),
        any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
    ];
    let root = proptest::option::of("/[a-z &]{1,8}".prop_map(PathBuf::from));
    (host, 1..=u16::MAX, text, text, root, any::<bool>()).prop_map(
        |(host, port, database, user, root, off)| {
            let local = host == "localhost"
                || host
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback());
            let tls = match host.starts_with('/') || (local && off) {
                true => Tls::Off,
                false => Tls::VerifyFull { root },
            };
            Endpoint::Postgres(PostgresEndpoint {
                host,
                port,
                database,
                user,
                password: None,
                tls,
            })
        },
    )
}

proptest! {
    #[test]
    fn an_address_reads_back_as_it_prints(endpoint in endpoint()) {
        let printed = endpoint.to_string();
        let read = parse_endpoint(&printed, Path::new("/"));
        prop_assert_eq!(read, Ok(endpoint), "{}", printed);
    }

    #[test]
    fn no_address_makes_the_reader_panic(text in "(postgres://|sqlite:)?.{0,40}") {
        let _ = parse_endpoint(&text, Path::new("/"));
    }

    #[test]
    fn a_period_reads_back_as_it_prints(ms in any::<u64>()) {
        let period = Period::from_ms(ms);
        prop_assert_eq!(period.to_string().parse::<Period>(), Ok(period));
    }

    #[test]
    fn no_file_makes_a_reader_panic(text in "[a-z\\[\\]{}=\"'#\n .,é0-9]{0,80}") {
        let _ = fleet::parse(&text, Path::new("fleet.toml"));
        let _ = migration::parse(&text, Path::new("migration.toml"));
    }
}
