//! Migrations as teams write them, one file each in `tests/corpus`: every one
//! goes there and back under writes of the old version, and comes to what the
//! plain statements beside it come to.

use crate::bench::{Case, connect, database, open, run_on};
use crate::support::require_postgres;
use crate::there_and_back::{same, sorted};
use pilothouse::base::Stop;
use pilothouse::migration::{self, Migration, Operation};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A role that some of them give rights to, besides those of every lab.
const ROLE: &str = "RESET ROLE; DO $$ BEGIN CREATE ROLE reporting; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$; SET ROLE owner;";

/// The dump with its objects sorted, and the columns of each table: what went
/// and came back has a higher number.
fn blocks(dump: &str) -> String {
    let end = "--\n-- PostgreSQL database dump complete\n--";
    let mut blocks: Vec<String> = sorted(&dump.replace(end, ""))
        .split("\n--\n-- Name: ")
        .map(|block| match block.contains("; Type: ACL;") {
            // Rights have no order.
            true => {
                let mut lines: Vec<&str> = block.lines().collect();
                lines.sort_unstable();
                lines.join("\n").trim().to_owned()
            }
            false => block.trim_end().to_owned(),
        })
        .collect();
    blocks.sort();
    blocks.join("\n--\n-- Name: ")
}

struct Told {
    name: String,
    migration: Migration,
    before: String,
    direct: String,
    writes: String,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

fn files(name: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder(name)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|kind| kind == "toml"));
    files.sort();
    files
}

/// One of the parts that begin with a line `-- name`.
fn part(text: &str, name: &str) -> String {
    let mut lines = text
        .lines()
        .skip_while(|line| line.trim() != format!("-- {name}"));
    lines.next();
    let is_head = |line: &&str| ["-- before", "-- direct", "-- writes"].contains(&line.trim());
    let part: Vec<&str> = lines.take_while(|line| !is_head(line)).collect();
    part.join("\n")
}

fn read(path: &Path) -> Told {
    let text = std::fs::read_to_string(path).unwrap();
    // The login of these tests may take that role only.
    let text = text.replace("role = \"app\"", "role = \"owner\"");
    let migration = match migration::parse(&text, path) {
        Ok(loaded) => loaded.migration,
        Err(found) => panic!("{found}"),
    };
    let sql = std::fs::read_to_string(path.with_extension("sql")).unwrap();
    Told {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        migration,
        before: format!("{ROLE}\n{}", part(&sql, "before")),
        direct: part(&sql, "direct"),
        writes: part(&sql, "writes"),
    }
}

impl Told {
    async fn case(&self) -> Case {
        let (lab, port, database) = database(&self.before).await;
        let spec = crate::bench::spec(vec![crate::bench::endpoint(port, &database)], Vec::new());
        let shard = match open(&spec, &self.migration).await {
            Ok(shard) => Arc::new(shard),
            Err(found) => panic!("{}: {found}", self.name),
        };
        Case {
            lab,
            database,
            shard,
        }
    }

    /// The schemas of its versions.
    fn versions(&self) -> Vec<String> {
        let schemas = self.migration.operations.iter();
        let schemas = schemas.filter_map(|operation| operation.table());
        let mut names: Vec<String> = schemas
            .filter_map(|table| self.migration.versions.schema_of(&table.schema))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    async fn wanted(&self) -> String {
        let (_lab, port, name) = database(&self.before).await;
        let mut conn = connect(port, &name, "postgres").await;
        run_on(&mut conn, "SET ROLE owner").await.unwrap();
        let done = run_on(&mut conn, &self.direct).await;
        assert_eq!(done, Ok(()), "{}", self.name);
        crate::oracle::schema(port, &name)
    }

    /// As the owner of the tables, in their default path.
    async fn write(&self, case: &Case, when: &str) {
        let mut conn = case.connect("postgres").await;
        run_on(&mut conn, "SET ROLE owner").await.unwrap();
        let done = run_on(&mut conn, &self.writes).await;
        assert_eq!(done, Ok(()), "{}: writes {when}", self.name);
    }

    async fn goes_there_and_back(&self) {
        let case = self.case().await;
        self.write(&case, "before").await;
        let before = case.dump();
        let mut host = case.host();
        for stop in [Stop::Expand, Stop::Verify, Stop::Shift(100)] {
            host.advance_to(stop).await;
            self.write(&case, &format!("at {stop}")).await;
        }
        host.undo_to(Stop::Preflight).await;
        let name = &self.name;
        same(&case.dump(), &before, &format!("{name}, taken back"));
        self.write(&case, "after the way back").await;
        host.advance_to(Stop::Drop).await;
        let versions = self.versions();
        let done = crate::oracle::schema_without_all(case.port(), &case.database, &versions);
        let wanted = blocks(&self.wanted().await);
        same(&blocks(&done), &wanted, &format!("{name}, done"));
        host.undo_to(Stop::Preflight).await;
        let all_back = self
            .migration
            .operations
            .iter()
            .all(|operation| match operation {
                Operation::Sql(sql) => sql.down.is_some(),
                _ => true,
            });
        if !all_back {
            // A statement of its own that nothing takes back.
            return;
        }
        let back = blocks(&case.dump());
        same(&back, &blocks(&before), &format!("{name}, restored"));
        self.write(&case, "after the merge restore").await;
    }
}

async fn every(nth: usize) {
    if !require_postgres() {
        return;
    }
    let all = files("corpus");
    assert!(all.len() >= 60, "only {} migrations", all.len());
    let only = std::env::var("PILOTHOUSE_CORPUS").unwrap_or_default();
    let mine = all.iter().skip(nth).step_by(2);
    let mut failed = Vec::new();
    for path in mine.filter(|path| path.to_string_lossy().contains(&only)) {
        let told = read(path);
        let name = told.name.clone();
        // Each by itself: one that fails does not hide the others.
        let went = tokio::spawn(async move { told.goes_there_and_back().await });
        if went.await.is_err() {
            failed.push(name);
        }
    }
    assert_eq!(failed, Vec::<String>::new());
}

#[tokio::test]
async fn migrations_of_teams_go_there_and_back() {
    every(0).await;
}

#[tokio::test]
async fn and_so_does_every_other_one() {
    every(1).await;
}

/// Each file says on its first line what is said about it: before anything is
/// written, when it is planned or in preflight.
#[tokio::test]
async fn what_cannot_be_done_is_refused_before_anything_is_written() {
    if !require_postgres() {
        return;
    }
    let mut failed = Vec::new();
    for path in files("corpus/refused") {
        let name = path.display().to_string();
        if tokio::spawn(is_refused(path)).await.is_err() {
            failed.push(name);
        }
    }
    assert_eq!(failed, Vec::<String>::new());
}

async fn is_refused(path: PathBuf) {
    let text = std::fs::read_to_string(&path).unwrap();
    let says = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("# refused: "));
    let says = says.unwrap_or_else(|| panic!("{}: no first line", path.display()));
    let told = read(&path);
    let (lab, port, name) = database(&told.before).await;
    let spec = crate::bench::spec(vec![crate::bench::endpoint(port, &name)], Vec::new());
    let before = crate::oracle::schema(port, &name);
    let found = match open(&spec, &told.migration).await {
        Err(refused) => refused.to_string(),
        Ok(shard) => {
            let case = Case {
                lab: Arc::clone(&lab),
                database: name.clone(),
                shard: Arc::new(shard),
            };
            let mut host = case.host();
            let report = host
                .run(pilothouse::rollout::Job::Advance(Stop::Preflight))
                .await;
            format!("{report:?}")
        }
    };
    assert!(found.contains(says), "{}: {found}", told.name);
    same(&crate::oracle::schema(port, &name), &before, &told.name);
}
