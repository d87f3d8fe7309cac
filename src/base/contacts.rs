//! Whom to call.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who looks after a change, and who comes next. Text from a file: shown
/// through `Untrusted` like any other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contacts {
    /// Who is called first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Who is called when nobody answers there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<String>,
}

impl Contacts {
    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        self.owner.is_none() && self.escalation.is_none()
    }

    /// `call: ana (pager 12), then: db-leads`; nothing if nobody is named.
    pub fn call(&self) -> Option<String> {
        match (&self.owner, &self.escalation) {
            (None, None) => None,
            (Some(owner), None) => Some(format!("call: {owner}")),
            (None, Some(next)) => Some(format!("call: {next}")),
            (Some(owner), Some(next)) => Some(format!("call: {owner}, then: {next}")),
        }
    }
}
