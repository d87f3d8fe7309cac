//! Verifies a journal: its chain, its seals, its approvals, and what others
//! know of it.

use super::read::{Problem, check};
use super::signers::{self, Signers};
use super::witness::{Testimony, records};
use super::{
    EXIT_BAD_SIGNATURE, EXIT_INTACT, EXIT_MISSING_APPROVAL, EXIT_UNREADABLE, Outcome, exit_code,
};
use crate::base::{Namespace, Untrusted};
use crate::engine::fact;
use crate::journal::{Entry, Head, Seal, Verdict};
use crate::rollout::{Audit, Event, Fact, Finding, Wrong};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a journal is held against, besides itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Against {
    /// A head that was noted elsewhere.
    pub since: Option<Head>,
    /// Keys that may sign, as `ssh-keygen -Y verify` takes them.
    pub allowed_signers: Option<PathBuf>,
    /// The fleet whose shards are witnesses.
    pub witness: Option<PathBuf>,
}

/// A journal whose chain holds, with what its entries say.
pub(super) struct Read {
    pub(super) facts: Vec<(u64, Fact)>,
    heads: Vec<Head>,
}

impl Read {
    pub(super) fn of(entries: &[Entry]) -> Result<Self, Problem> {
        let mut read = Self {
            facts: Vec::with_capacity(entries.len()),
            heads: Vec::with_capacity(entries.len()),
        };
        for entry in entries {
            let fact = fact(entry).map_err(|e| Problem::Failed(e.to_string()))?;
            read.facts.push((entry.seq, fact));
            let (seq, hash) = (entry.seq, entry.hash);
            read.heads.push(Head { seq, hash });
        }
        Ok(read)
    }

    fn head(&self) -> Head {
        self.heads.last().copied().unwrap_or(Head::EMPTY)
    }

    /// What is wrong with this journal if `head` was its head once.
    pub(super) fn against(&self, head: Head) -> Option<Verdict> {
        if head == Head::EMPTY {
            return None;
        }
        let expected = head;
        let place = usize::try_from(head.seq)
            .ok()
            .and_then(|seq| seq.checked_sub(1));
        match place.and_then(|place| self.heads.get(place)) {
            None => Some(Verdict::Truncated {
                have: self.head(),
                expected,
            }),
            Some(have) if *have != expected => Some(Verdict::Forked {
                have: *have,
                expected,
            }),
            Some(_) => None,
        }
    }
}

/// Checks the journal. What it cannot know by itself is said: without a head,
/// a list of keys or witnesses, a missing tail cannot be seen.
pub async fn verify(source: &Path, against: &Against) -> Outcome {
    match judged(source, against).await {
        Ok(outcome) => outcome,
        Err(problem) => problem.outcome(),
    }
}

async fn judged(source: &Path, against: &Against) -> Result<Outcome, Problem> {
    // Whatever is given is read first: a mistake in it must not look like one
    // of the journal.
    let signers = against.allowed_signers.as_deref().map(signers::read);
    let signers = signers.transpose().map_err(Problem::Input)?;
    let fleet = against.witness.as_deref().map(crate::fleet::load);
    let fleet = fleet
        .transpose()
        .map_err(|e| Problem::Input(e.to_string()))?;

    let mut entries = Vec::new();
    let verdict = check(source, against.since, |entry| entries.push(entry)).await?;
    let mut text = verdict_line(&verdict);
    let Verdict::Intact { .. } = verdict else {
        let code = exit_code(&verdict);
        return Ok(Outcome { text, code });
    };
    let read = match Read::of(&entries) {
        Ok(read) => read,
        Err(problem) => {
            let Outcome { text: why, .. } = problem.outcome();
            text.push_str(&format!("what its entries say cannot be judged: {why}"));
            let code = EXIT_UNREADABLE;
            return Ok(Outcome { text, code });
        }
    };
    let mut codes = BTreeSet::new();

    let (said, code) = seals(&entries, &read, signers.as_ref());
    text.push_str(&said);
    codes.insert(code);
    let (said, code) = approvals(&entries, &read, signers.as_ref());
    text.push_str(&said);
    codes.insert(code);
    if let Some(fleet) = &fleet {
        let records = records(&fleet.fleet).await;
        let (said, code) = Testimony::hear(&records, &read).told();
        text.push_str(&said);
        codes.insert(code);
    }
    if against.since.is_none() && fleet.is_none() {
        text.push_str(
            "a missing tail is only found against a head noted elsewhere: give --since SEQ:HEX or --witness FLEET\n",
        );
    }
    // The worst is the first of: truncated, forked, bad signature, missing
    // approval, effect without intent; then what could not be asked.
    let worst = codes.iter().copied().find(|code| *code > EXIT_INTACT + 1);
    let code = worst.or(codes.last().copied()).unwrap_or(EXIT_INTACT);
    Ok(Outcome { text, code })
}

pub(super) fn verdict_line(verdict: &Verdict) -> String {
    // A verdict may quote the damaged line.
    format!("{}\n", Untrusted::new(verdict.to_string()))
}

/// Judges every seal: its place, its signature, and its key if a list is
/// given.
fn seals(entries: &[Entry], read: &Read, signers: Option<&Signers>) -> (String, u8) {
    let mut keys = BTreeSet::new();
    let mut last: Option<&Seal> = None;
    for (entry, (seq, fact)) in entries.iter().zip(&read.facts) {
        let Event::HeadSealed(seal) = &fact.event else {
            continue;
        };
        let print = seal.key().fingerprint();
        let bad = |why: &str| {
            (
                format!("bad seal: entry {seq}: {why}\n"),
                EXIT_BAD_SIGNATURE,
            )
        };
        if !seal.stands_in(entry) {
            return bad("it seals another place than its own");
        }
        if let Err(why) = seal.check(&entry.log) {
            return bad(&why.to_string());
        }
        if signers.is_some_and(|list| !list.allow(seal.key(), Namespace::Seal)) {
            return bad(&format!("{print} is not allowed to sign seals"));
        }
        keys.insert(print);
        last = Some(seal);
    }
    let Some(last) = last else {
        let code = match signers {
            Some(_) => EXIT_BAD_SIGNATURE,
            None => EXIT_INTACT,
        };
        return ("no entry is sealed\n".into(), code);
    };
    let keys: Vec<String> = keys.into_iter().collect();
    let listed = match signers {
        Some(_) => "",
        None => " (held against no list: give --allowed-signers)",
    };
    let sealed = last.head.seq;
    let text = format!(
        "sealed up to entry {sealed} by {}{listed}\n",
        keys.join(", ")
    );
    (text, EXIT_INTACT)
}

/// Judges every approval, as of its place in the journal.
fn approvals(entries: &[Entry], read: &Read, signers: Option<&Signers>) -> (String, u8) {
    let mut audit = Audit::default();
    let (mut used, mut signed) = (0, 0);
    let mut strangers = Vec::new();
    for (entry, (seq, fact)) in entries.iter().zip(&read.facts) {
        audit.push(*seq, fact, entry.hash);
        match &fact.event {
            Event::ApprovalConsumed { .. } => used += 1,
            Event::ApprovalGiven {
                id,
                signed: Some(by),
            } => {
                signed += 1;
                let (who, key) = (&fact.actor.name, by.signature.key());
                if signers.is_some_and(|list| !list.allow_as(who, key, Namespace::Approval)) {
                    let print = key.fingerprint();
                    let text =
                        format!("{print}, which signed {id}, is not allowed to sign for {who}");
                    let wrong = Wrong::Signature(text);
                    strangers.push(Finding { seq: *seq, wrong });
                }
            }
            _ => {}
        }
    }
    let mut found = audit.finish();
    found.extend(strangers);
    if found.is_empty() {
        let text = format!("{used} approvals used, each covered; {signed} signed\n");
        return (text, EXIT_INTACT);
    }
    let mut text = String::new();
    for finding in &found {
        let word = match finding.wrong {
            Wrong::Approval(_) => "missing approval",
            Wrong::Signature(_) => "bad signature",
        };
        text.push_str(&format!(
            "{word}: {}\n",
            Untrusted::new(finding.to_string())
        ));
    }
    let forged = found.iter().any(|f| matches!(f.wrong, Wrong::Signature(_)));
    let code = match forged {
        true => EXIT_BAD_SIGNATURE,
        false => EXIT_MISSING_APPROVAL,
    };
    (text, code)
}
