//! What a demo says: before it begins, and when it is over.

use super::{DemoArgs, Played};
use crate::cli::exit::{Ended, Exit};
use crate::cli::run::Face;
use crate::cli::summary::Summary;
use crate::cli::terminal::say;
use crate::cockpit::action::Action;
use crate::cockpit::keymap::Keymap;
use crate::lab::demo::{Directory, Examined, MIGRATION, TroubleSeen};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What a headless demo ends with, on stdout: the object of any run, and what
/// was found by looking at the files afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DemoSummary {
    /// As of any run.
    #[serde(flatten)]
    pub summary: Summary,
    /// What the files say.
    pub examined: Examined,
    /// What came of the trouble.
    pub trouble: TroubleSeen,
    /// Whether every promise was kept.
    pub promises_held: bool,
    /// What is still there, if anything.
    pub left_behind: Option<PathBuf>,
}

/// What became of the promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promises {
    /// Every one was kept.
    Held,
    /// At least one was not.
    Broken,
}

impl Promises {
    /// The engine's own proofs, the journal, and what the application and the
    /// followers know.
    pub fn of(summary: &Summary, examined: &Examined) -> Self {
        let proofs = summary.stale_rows == 0 && summary.mismatches == 0;
        if proofs && !summary.promise_is_broken() && examined.is_clean() {
            Self::Held
        } else {
            Self::Broken
        }
    }
}

/// With what a demo ends: a broken promise comes before anything else.
pub fn exit_of(face: Face, flown: Exit, promises: Promises) -> Exit {
    match (promises, face) {
        (Promises::Broken, _) => Exit::Failed,
        // Whoever leaves a demo early has done nothing wrong.
        (Promises::Held, Face::Screen | Face::Plain) => Exit::Done,
        (Promises::Held, Face::Headless) => flown,
    }
}

/// Three lines before anything else.
pub(super) fn hint(args: &DemoArgs, directory: &Directory) -> String {
    let what = format!(
        "A throw-away fleet in {}: 12 SQLite shards with followers and an application at work.",
        directory.path().display()
    );
    let (first, then) = match args.face {
        Face::Screen => (
            "Rings go by themselves to 100 % of clients. Press ? for help, Enter on a shard to ask why, x to act;\n\
             a little trouble comes by itself: R retries the shard that fails."
                .replace('\n', " "),
            format!(
                "Contract waits for you: P, then type {MIGRATION}. q leaves, and {}.",
                staying(directory)
            ),
        ),
        Face::Plain => (
            "Rings go by themselves to 100 % of clients. A little trouble comes by itself: retry works on the shard that fails.".to_owned(),
            format!(
                "Contract waits for you: promote, and type its name. quit leaves, and {}.",
                staying(directory)
            ),
        ),
        Face::Headless => (
            "It steers itself to the very end, where the old column is dropped; one event per line below.".to_owned(),
            format!(
                "Look from a second terminal: pilothouse status --fleet {}; in the end {}.",
                directory.path().join("fleet.toml").display(),
                staying(directory)
            ),
        ),
    };
    format!("{what}\n{first}\n{then}")
}

/// The same on the screen, for as long as no key was pressed.
pub(super) fn welcome(keymap: &Keymap) -> Vec<String> {
    let key = |action| match keymap.keys(action).next() {
        Some(key) => key.to_string(),
        None => format!(":{}", action.item().name),
    };
    vec![
        format!(
            "{} on a shard: why it moves or not. {}: what can be done. {}: every key.",
            key(Action::Open),
            key(Action::Menu),
            key(Action::Help),
        ),
        format!(
            "Rings go by themselves to 100 %. One shard will fail: {} on it tries again.",
            key(Action::Retry),
        ),
        format!(
            "Contract waits for you: {} on the fleet's row, and a typed name. {} leaves.",
            key(Action::Promote),
            key(Action::Quit),
        ),
    ]
}

fn staying(directory: &Directory) -> &'static str {
    if directory.is_kept() {
        "the directory stays"
    } else {
        "nothing is left behind"
    }
}

/// What is still there.
pub(super) fn left_behind(left: Option<&Path>) -> String {
    match left {
        None => "Nothing was left behind.".into(),
        Some(path) => format!(
            "Left behind: {0}. Its record: pilothouse journal verify {0}/store",
            path.display()
        ),
    }
}

/// Tells how it ended.
pub(super) fn report(
    face: Face,
    played: Played,
    left: Option<&Path>,
) -> Result<(String, Exit), Ended> {
    let mut summary = played.summary;
    summary.lost_writes = Some(played.examined.lost_writes);
    let promises = Promises::of(&summary, &played.examined);
    for finding in &played.examined.findings {
        say(format_args!("broken promise: {finding}"));
    }
    let exit = exit_of(face, played.exit, promises);
    let text = match face {
        Face::Screen | Face::Plain => told(&summary, &played.examined, promises, left),
        Face::Headless => {
            say(left_behind(left));
            let told = DemoSummary {
                summary,
                examined: played.examined,
                trouble: played.trouble,
                promises_held: promises == Promises::Held,
                left_behind: left.map(Path::to_path_buf),
            };
            let json = serde_json::to_string(&told);
            json.map_err(|e| Ended::new(Exit::Failed, e.to_string()))? + "\n"
        }
    };
    Ok((text, exit))
}

fn told(summary: &Summary, examined: &Examined, promises: Promises, left: Option<&Path>) -> String {
    let (writes, rows) = (examined.writes_acknowledged, examined.rows_compared);
    let journal = if summary.journal_verified {
        "verified"
    } else {
        "broken"
    };
    let promises = match promises {
        Promises::Held => "every promise held",
        Promises::Broken => "a promise was broken",
    };
    format!(
        "The rollout is {}; {promises}: {} of {writes} acknowledged writes lost, {} of {rows} rows wrong, \
         {} of {} followers unequal, journal {journal}.\n{}\n",
        summary.outcome,
        examined.lost_writes,
        examined.wrong_rows,
        examined.followers_unequal,
        summary.shards,
        left_behind(left),
    )
}
