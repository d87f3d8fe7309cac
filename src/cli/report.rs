//! `pilothouse report` and `pilothouse handover`: what the journal holds, for
//! the review and for the next shift. Never writes; an engine may be running.

use super::exit::{Ended, Exit};
use super::journal::{EXIT_FAILED, EXIT_INTACT, check, exit_code};
use super::order::{live_view, view_of};
use super::prepare::{NEVER_OPENED, load_fleet};
use crate::base::{Period, Timestamp};
use crate::engine::{fact, now};
use crate::fleet::LoadedFleet;
use crate::journal::{Entry, Head, Verdict};
use crate::report::{Made, Run, Shift, gather, handover as put_together, plain, runs};
use crate::rollout::{Fact, State, apply};
use crate::store::JOURNAL_FILE;
use std::path::{Path, PathBuf};

/// What a command says, and its exit code: that of `journal verify` where the
/// journal is damaged.
pub struct Said {
    /// For stdout.
    pub text: String,
    /// What is wrong with the journal, for stderr: stdout may be a file.
    pub warnings: Vec<String>,
    /// See above.
    pub code: u8,
}

/// Where the journal is.
pub enum From {
    /// A state directory, a journal.db or an exported file.
    Journal(PathBuf),
    /// The store of a fleet file.
    Fleet(PathBuf),
}

/// A journal as far as it can be read.
struct Read {
    facts: Vec<(u64, Fact)>,
    last: Option<Entry>,
    warnings: Vec<String>,
    code: u8,
}

/// The report of a rollout: the newest one that `named` names, or the newest.
///
/// # Errors
/// There is no journal, or no such rollout in it.
pub async fn report(from: From, named: Option<&str>, head: Option<Head>) -> Result<Said, Ended> {
    let source = match from {
        From::Journal(path) => path,
        From::Fleet(path) => opened_store(&load_fleet(&path)?)?,
    };
    let read = read(&source, head).await?;
    let all = runs(&read.facts);
    let wanted = |run: &&Run| named.is_none_or(|n| n == run.id || n == run.migration.as_str());
    let Some(run) = all.iter().rev().find(wanted) else {
        return Err(nothing(&read, &all, named));
    };
    let made = Made {
        at: now(),
        head: read.last.as_ref().map_or(Head::EMPTY, Entry::head),
        warnings: read.warnings.clone(),
    };
    let report = gather(&read.facts, run.first, made);
    let report = report.ok_or_else(|| Ended::new(Exit::Refused, NEVER_OPENED))?;
    Ok(Said {
        text: report.markdown(),
        warnings: read.warnings,
        code: read.code,
    })
}

/// A damaged journal is the graver news.
fn nothing(read: &Read, all: &[Run], named: Option<&str>) -> Ended {
    let mut text = match (named, all) {
        (_, []) => NEVER_OPENED.to_owned(),
        (Some(named), all) => {
            let ids: Vec<&str> = all.iter().map(|run| run.id.as_str()).collect();
            format!(
                "no rollout {named} in this journal; it has {}",
                ids.join(", ")
            )
        }
        (None, _) => NEVER_OPENED.to_owned(),
    };
    for warning in &read.warnings {
        text = format!("{warning}; {text}");
    }
    Ended::new(Exit::Refused, text)
}

fn opened_store(fleet: &LoadedFleet) -> Result<PathBuf, Ended> {
    let store = fleet.fleet.store.clone();
    match store.join(JOURNAL_FILE).exists() {
        true => Ok(store),
        false => Err(Ended::new(Exit::Refused, NEVER_OPENED)),
    }
}

async fn read(source: &Path, head: Option<Head>) -> Result<Read, Ended> {
    let mut read = Read {
        facts: Vec::new(),
        last: None,
        warnings: Vec::new(),
        code: EXIT_INTACT,
    };
    let mut unknown = None;
    let each = |entry: Entry| {
        match fact(&entry) {
            Ok(fact) if unknown.is_none() => read.facts.push((entry.seq, fact)),
            // What follows would be folded onto a gap.
            Ok(_) => {}
            Err(error) => drop(unknown.get_or_insert(error.to_string())),
        }
        read.last = Some(entry);
    };
    let verdict = check(source, head, each).await.map_err(|problem| {
        let outcome = problem.outcome();
        let exit = match outcome.code {
            EXIT_FAILED => Exit::Failed,
            _ => Exit::BadInput,
        };
        Ended::new(exit, outcome.text.trim_end())
    })?;
    if !matches!(verdict, Verdict::Intact { .. }) {
        read.code = exit_code(&verdict);
        read.warnings.push(format!("the journal is {verdict}"));
    }
    if let Some(why) = unknown {
        read.code = read.code.max(EXIT_FAILED);
        read.warnings.push(format!("{why}; this ends before it"));
    }
    Ok(read)
}

/// The last shift, in ten lines.
///
/// # Errors
/// Nothing was ever opened here.
pub async fn handover(fleet: &Path, lasting: Period) -> Result<Said, Ended> {
    let fleet = load_fleet(fleet)?;
    let store = opened_store(&fleet)?;
    let read = read(&store, None).await?;
    let mut state = State::default();
    read.facts
        .iter()
        .for_each(|(_, fact)| apply(&mut state, fact));
    if state.rollout.is_none() && read.warnings.is_empty() {
        return Err(Ended::new(Exit::Refused, NEVER_OPENED));
    }
    let view = match live_view(&store).await {
        Some(view) => view,
        None => view_of(&fleet, &state, &read.facts, read.last.as_ref()),
    };
    let at = now();
    let mut told = put_together(&Shift {
        view: &view,
        state: &state,
        facts: &read.facts,
        whole_since: None,
        since: Timestamp(at.0.saturating_sub(lasting.ms())),
        at,
    });
    // Ten lines are ten lines: this is worth the place of any other.
    if let (false, Some(first)) = (read.warnings.is_empty(), told.lines.first_mut()) {
        first.text = format!("NOT TO BE TRUSTED: {}", read.warnings.join("; "));
    }
    Ok(Said {
        text: plain(&told),
        warnings: read.warnings,
        code: read.code,
    })
}
