//! Takes a signed approval out of a journal, for those who trust `ssh-keygen`
//! more than us.

use super::read::{Problem, check};
use super::verify::{Read, verdict_line};
use super::{EXIT_BAD_INPUT, EXIT_FAILED, EXIT_INTACT, Outcome, exit_code};
use crate::base::Untrusted;
use crate::journal::Verdict;
use crate::rollout::{Approval, Event};
use std::path::Path;

/// Writes what was signed and each signature into `out`, and says how to check
/// them with stock tools.
pub async fn approval(source: &Path, id: &str, out: &Path) -> Outcome {
    match taken(source, id, out).await {
        Ok(outcome) => outcome,
        Err(problem) => problem.outcome(),
    }
}

async fn taken(source: &Path, id: &str, out: &Path) -> Result<Outcome, Problem> {
    let mut entries = Vec::new();
    let verdict = check(source, None, |entry| entries.push(entry)).await?;
    if !matches!(verdict, Verdict::Intact { .. }) {
        let (text, code) = (verdict_line(&verdict), exit_code(&verdict));
        return Ok(Outcome { text, code });
    }
    let read = Read::of(&entries)?;
    let mut asked: Option<&Approval> = None;
    let mut text = String::new();
    for (_, fact) in &read.facts {
        match (&fact.event, asked) {
            (Event::ApprovalRequested(approval), _) if approval.id == id => asked = Some(approval),
            (Event::ApprovalGiven { id: given, signed }, Some(approval)) if given == id => {
                let who = &fact.actor.name;
                let Some(signed) = signed else {
                    text.push_str(&format!("# {who} approved without a signature\n"));
                    continue;
                };
                let statement = out.join(format!("{id}-{who}.txt"));
                let signature = out.join(format!("{id}-{who}.sig"));
                write(&statement, &approval.statement(who, signed.head))?;
                write(&signature, signed.signature.pem())?;
                text.push_str(&format!(
                    "# {who} signed with {}\nssh-keygen -Y verify -f ALLOWED_SIGNERS -I {who} -n approval@pilothouse -s {} < {}\n",
                    signed.signature.key().fingerprint(),
                    signature.display(),
                    statement.display(),
                ));
            }
            _ => {}
        }
    }
    let (text, code) = match (asked, text.is_empty()) {
        (None, _) => (format!("no entry asks for approval {id}\n"), EXIT_BAD_INPUT),
        (Some(_), true) => (format!("nobody approved {id}\n"), EXIT_FAILED),
        (Some(_), false) => (text, EXIT_INTACT),
    };
    let text = text
        .lines()
        .map(|line| format!("{}\n", Untrusted::new(line)));
    Ok(Outcome {
        text: text.collect(),
        code,
    })
}

fn write(path: &Path, text: &str) -> Result<(), Problem> {
    let written = std::fs::write(path, text);
    written.map_err(|e| Problem::Failed(format!("{}: {e}", path.display())))
}
