//! The shards as witnesses: each wrote down where the journal ended whenever a
//! stop began on it, in the transaction in which it began.

use super::read::{Problem, check};
use super::verify::{Read, verdict_line};
use super::{EXIT_FAILED, EXIT_INTACT, EXIT_UNINTENDED, Outcome, exit_code};
use crate::base::{ShardName, Untrusted};
use crate::fleet::Fleet;
use crate::journal::{Head, Verdict};
use crate::shard::{ShardRecord, Unintended, read_record};
use crate::worker::CallError;
use std::path::Path;

/// What every shard of a fleet keeps.
pub(super) type Records = Vec<(ShardName, Result<Option<ShardRecord>, CallError>)>;

/// Reads every shard, side by side. Writes nothing.
pub(super) async fn records(fleet: &Fleet) -> Records {
    let reads = fleet
        .shards
        .iter()
        .map(|spec| async { (spec.name.clone(), read_record(spec).await) });
    futures_util::future::join_all(reads).await
}

/// What the shards say about a journal.
#[derive(Debug, Default)]
pub(super) struct Testimony {
    /// Shards that keep a record.
    pub(super) heard: u64,
    /// Shards where pilothouse is not installed.
    pub(super) nothing: u64,
    /// Shards that could not be asked, and why.
    pub(super) silent: Vec<(ShardName, String)>,
    /// The newest head that a shard has seen.
    pub(super) newest: Option<(ShardName, Head)>,
    /// The first head that does not fit, and who has seen it.
    pub(super) contradicts: Option<(ShardName, Verdict)>,
    /// What ran without standing in the journal.
    pub(super) unintended: Vec<Unintended>,
}

impl Testimony {
    /// Compares what shards keep with what a journal says.
    pub(super) fn hear(records: &Records, read: &Read) -> Self {
        let mut said = Self::default();
        for (name, record) in records {
            match record {
                Err(error) => said.silent.push((name.clone(), error.to_string())),
                Ok(None) => said.nothing += 1,
                Ok(Some(record)) => {
                    said.heard += 1;
                    said.heads(name, record, read);
                    said.unintended.extend(record.unintended(name, &read.facts));
                }
            }
        }
        said
    }

    fn heads(&mut self, name: &ShardName, record: &ShardRecord, read: &Read) {
        for head in record.witness.iter().map(|w| w.head) {
            if self.newest.as_ref().is_none_or(|(_, n)| n.seq < head.seq) {
                self.newest = Some((name.clone(), head));
            }
            if self.contradicts.is_none() {
                let verdict = read.against(head);
                self.contradicts = verdict.map(|verdict| (name.clone(), verdict));
            }
        }
    }

    /// In words, and how `verify` ends on them.
    pub(super) fn told(&self) -> (String, u8) {
        let mut text = String::new();
        if let Some((name, head)) = &self.newest {
            text.push_str(&format!(
                "{} shards kept heads of a journal, the newest {} on {name}\n",
                self.heard, head.seq
            ));
        }
        if self.nothing > 0 {
            text.push_str(&format!(
                "{} shards keep nothing of pilothouse\n",
                self.nothing
            ));
        }
        for (name, why) in &self.silent {
            text.push_str(&format!(
                "shard {name} could not be asked: {}\n",
                Untrusted::new(why)
            ));
        }
        for found in &self.unintended {
            text.push_str(&format!(
                "effect without intent: {}\n",
                Untrusted::new(found.to_string())
            ));
        }
        let code = match &self.contradicts {
            Some((name, verdict)) => {
                text = format!("shard {name} is witness: {}", verdict_line(verdict)) + &text;
                exit_code(verdict)
            }
            None if !self.unintended.is_empty() => EXIT_UNINTENDED,
            None if !self.silent.is_empty() => EXIT_FAILED,
            None => EXIT_INTACT,
        };
        (text, code)
    }
}

/// Finds what ran on a fleet's shards without standing in its journal, shard
/// by shard.
pub async fn reconcile(fleet: &Path) -> Outcome {
    let fleet = match crate::fleet::load(fleet) {
        Ok(loaded) => loaded.fleet,
        Err(why) => return Problem::Input(why.to_string()).outcome(),
    };
    let mut entries = Vec::new();
    let verdict = match check(&fleet.store, None, |entry| entries.push(entry)).await {
        Ok(verdict) => verdict,
        Err(problem) => return problem.outcome(),
    };
    if !matches!(verdict, Verdict::Intact { .. }) {
        let (text, code) = (verdict_line(&verdict), exit_code(&verdict));
        return Outcome { text, code };
    }
    let read = match Read::of(&entries) {
        Ok(read) => read,
        Err(problem) => return problem.outcome(),
    };
    let records = records(&fleet).await;
    let said = Testimony::hear(&records, &read);
    let mut text = String::new();
    for (name, record) in &records {
        let Ok(Some(record)) = record else { continue };
        let stop = |stop: Option<crate::base::Stop>| stop.map_or("-".into(), |s| s.to_string());
        text.push_str(&format!(
            "shard {name}: {} stops began, newest {}, finished {}\n",
            record.witness.len(),
            stop(record.begun),
            stop(record.ended),
        ));
    }
    let (told, code) = said.told();
    text.push_str(&told);
    if code == EXIT_INTACT {
        text.push_str("nothing ran on a shard that no entry intends\n");
    }
    Outcome { text, code }
}
