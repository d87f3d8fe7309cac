//! pgroll's published examples, read from a folder that an environment
//! variable names: none of them is part of this project.

use crate::bench::{database, endpoint, identity, open, run_on, spec};
use crate::contract_cases::host::Host;
use crate::contract_cases::route;
use crate::support::require_postgres;
use pilothouse::base::Stop;
use pilothouse::migration;
use pilothouse::rollout::{Job, Report};
use pilothouse::shard::Shard;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What became of one file.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// Taken to the end.
    Done,
    /// Refused before anything was touched.
    Refused(String),
    /// It failed on the way.
    Failed(String),
}

async fn take(path: &Path, port: u16, name: &str) -> Fate {
    let migration = match migration::load(path) {
        Ok(loaded) => loaded.migration,
        Err(found) => return Fate::Refused(found.to_string()),
    };
    let spec = spec(vec![endpoint(port, name)], Vec::new());
    let shard = match open(&spec, &migration).await {
        Ok(shard) => Arc::new(shard),
        Err(found) => return Fate::Refused(found.to_string()),
    };
    let mut host = Host::new(shard as Arc<dyn Shard>, &route(), &identity().id);
    for stop in route() {
        match host.run(Job::Advance(stop)).await {
            Some(Report::Finished { .. }) => {}
            other => return Fate::Failed(format!("{stop}: {other:?}")),
        }
    }
    assert_eq!(host.ended, Some(Stop::Drop));
    Fate::Done
}

#[tokio::test]
async fn published_examples_run_or_are_refused_before_anything_is_touched() {
    if !require_postgres() {
        return;
    }
    let Some(folder) = std::env::var_os("PILOTHOUSE_PGROLL_EXAMPLES") else {
        eprintln!("SKIPPED: PILOTHOUSE_PGROLL_EXAMPLES names no folder of pgroll's examples");
        return;
    };
    let entries = std::fs::read_dir(&folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| migration::pgroll::is_pgroll(path));
    files.sort();
    assert!(!files.is_empty(), "{folder:?} holds no example");
    let (lab, port, name) = database("SELECT 1").await;
    let (mut done, mut refused, mut failed) = (0, Vec::new(), Vec::new());
    for path in &files {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        match take(path, port, &name).await {
            Fate::Done => done += 1,
            Fate::Refused(why) => refused.push(format!("{file}: {why}")),
            Fate::Failed(why) => failed.push(format!("{file}: {why}")),
        }
        let mut conn = crate::bench::connect(port, &name, "postgres").await;
        let forget = "DROP SCHEMA IF EXISTS pilothouse CASCADE";
        run_on(&mut conn, forget).await.unwrap();
    }
    drop(lab);
    eprintln!("{done} of {} examples taken to the end", files.len());
    eprintln!("refused:\n{}", refused.join("\n"));
    assert!(failed.is_empty(), "failed:\n{}", failed.join("\n"));
}
