//! Shows and copies a journal.

use super::read::{Opened, Problem, check, open};
use super::verify::verdict_line;
use super::{EXIT_INTACT, Outcome, exit_code};
use crate::base::Untrusted;
use crate::journal::{Entry, Verdict};
use std::io::Write;
use std::path::Path;

/// How much of a body `show` prints, in characters.
const BODY_CHARS_MAX: usize = 96;

/// Which entries `show` prints; an empty filter means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// From this number on.
    pub from_seq: Option<u64>,
    /// Of this kind only.
    pub kind: Option<String>,
    /// Of this scope only.
    pub scope: Option<String>,
    /// By this actor only.
    pub actor: Option<String>,
    /// Only the last so many of those.
    pub last: Option<usize>,
}

impl Filter {
    fn wants(&self, entry: &Entry) -> bool {
        let same = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        self.from_seq.is_none_or(|from| entry.seq >= from)
            && same(&self.kind, &entry.kind)
            && same(&self.scope, &entry.scope)
            && same(&self.actor, &entry.actor.name)
    }
}

/// Prints one line per entry. The whole journal is checked on the way; if it
/// is not intact, the last line says so and the exit code is that of
/// [`verify`].
pub async fn show(source: &Path, filter: &Filter) -> Outcome {
    let mut shown = std::collections::VecDeque::new();
    let each = |entry: Entry| {
        if filter.wants(&entry) {
            shown.push_back(one_line(&entry));
            if filter.last.is_some_and(|last| shown.len() > last) {
                shown.pop_front();
            }
        }
    };
    match check(source, None, each).await {
        Ok(verdict) => {
            let mut text: String = shown.into_iter().collect();
            if !matches!(verdict, Verdict::Intact { .. }) {
                text.push_str(&verdict_line(&verdict));
            }
            let code = exit_code(&verdict);
            Outcome { text, code }
        }
        Err(problem) => problem.outcome(),
    }
}

/// Copies the journal to `out` as JSON Lines, byte by byte as recorded, and
/// names the head of the copy. A damaged journal is copied as it is.
pub async fn export(source: &Path, out: &mut (dyn Write + Send)) -> Outcome {
    match export_lines(source, out).await {
        Ok(text) => Outcome {
            text,
            code: EXIT_INTACT,
        },
        Err(problem) => problem.outcome(),
    }
}

async fn export_lines(source: &Path, out: &mut (dyn Write + Send)) -> Result<String, Problem> {
    match open(source).await? {
        Opened::Store(reader) => {
            let head = reader.lines(out).await.map_err(Problem::Store)?;
            reader.close().await.map_err(Problem::Store)?;
            Ok(format!("exported, head {head}\n"))
        }
        Opened::Lines(mut lines) => {
            let copied = std::io::copy(&mut lines, out).and_then(|bytes| {
                out.flush()?;
                Ok(bytes)
            });
            let bytes = copied.map_err(|e| Problem::Failed(e.to_string()))?;
            Ok(format!("copied {bytes} bytes of an export\n"))
        }
    }
}

fn one_line(entry: &Entry) -> String {
    let safe = |text: &str| Untrusted::new(text).to_string();
    let body = entry.body.to_string();
    let mut short: String = body.chars().take(BODY_CHARS_MAX).collect();
    if short.len() < body.len() {
        short.push('…');
    }
    format!(
        "{:>6}  {}  {}  {}  {}  {}  {}\n",
        entry.seq,
        entry.at,
        safe(&entry.actor.name),
        safe(&entry.scope),
        entry.kind,
        entry.cause,
        safe(&short),
    )
}
