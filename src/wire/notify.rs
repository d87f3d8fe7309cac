//! How telling those outside goes, as screens show it.

use super::Sign;
use super::need::NeedKind;
use super::view::Need;
use crate::base::Timestamp;
use crate::rollout::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Somebody outside who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifyView {
    /// Its name in the fleet file.
    pub name: String,
    /// How it is told: `webhook`, `slack` or `command`.
    pub kind: String,
    /// How that goes.
    pub delivery: Delivery,
    /// Messages that arrived.
    pub delivered: u64,
    /// Messages that were given up.
    pub given_up: u64,
    /// Messages that wait, the one on its way among them.
    pub waiting: u64,
}

/// How the newest delivery went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Nothing was to be told yet.
    #[default]
    Idle,
    /// It arrived.
    Delivered(Timestamp),
    /// It does not arrive.
    Failing {
        /// Since when.
        since: Timestamp,
        /// What came back last.
        why: String,
    },
}

/// Whoever relies on being told must see that nobody is.
pub(super) fn needs(notify: &[NotifyView]) -> Vec<Need> {
    let failing = notify.iter().filter_map(|told| match &told.delivery {
        Delivery::Failing { since, why } => Some((told, *since, why)),
        Delivery::Idle | Delivery::Delivered(_) => None,
    });
    let need = |(told, since, why): (&NotifyView, Timestamp, &String)| Need {
        kind: NeedKind::Undelivered,
        scope: Scope::Fleet,
        sign: Sign::NeedsHuman,
        what: format!("{} {} is not told anything", told.kind, told.name),
        why: format!("not delivered since {}, {why}", since.clock()),
        since,
        clears: format!(
            "a message arrives; `pilothouse notify test` tries {}",
            told.name
        ),
        by: None,
    };
    failing.map(need).collect()
}
