//! Whoever signs an approval signs where the journal ended that they saw: it
//! must have been this journal.

use crate::journal::Head;
use crate::rollout::{ApprovalAct, Command, Refusal, Verb};
use crate::store::Store;
use std::time::Duration;

/// How long the journal's disk may take to say what it has.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why a signed approval was not given over this journal, if it was not.
/// Everything else passes.
pub(super) async fn judge(store: &Store, command: &Command) -> Option<Refusal> {
    let head = signed_head(command)?;
    let found = tokio::time::timeout(PATIENCE, store.reader().head_at(head.seq)).await;
    let why = match found {
        Ok(Ok(Some(found))) if found == head => return None,
        Ok(Ok(_)) => format!(
            "the journal that was signed is not this one: it had {} as entry {}; look at the request again here, and sign that",
            head.hash.short(),
            head.seq
        ),
        // What cannot be compared is not taken on trust.
        Ok(Err(error)) => format!("the head that was signed cannot be compared: {error}"),
        Err(_) => {
            "the head that was signed cannot be compared: the journal's disk does not answer".into()
        }
    };
    Some(Refusal::Forbidden(why))
}

fn signed_head(command: &Command) -> Option<Head> {
    let Command::Order(order) = command else {
        return None;
    };
    match &order.verb {
        Verb::Approval(ApprovalAct::Give {
            signed: Some(signed),
            ..
        }) => Some(signed.head),
        _ => None,
    }
}
