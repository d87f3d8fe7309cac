//! What goes over a connection besides what [`crate::wire`] already spells.

use crate::wire::{Right, Scope, Verb};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The names and limits that both ends must agree on.
pub(super) mod path {
    pub(in crate::api) const EVENTS: &str = "/v1/events";
    pub(in crate::api) const COMMANDS: &str = "/v1/commands";
    pub(in crate::api) const LOOK: &str = "/v1/look";
    pub(in crate::api) const HERE: &str = "/v1/here";
    pub(in crate::api) const VIEW: &str = "/v1/view";
    pub(in crate::api) const ME: &str = "/v1/me";
    pub(in crate::api) const OPENAPI: &str = "/v1/openapi.json";
    pub(in crate::api) const METRICS: &str = "/metrics";
    pub(in crate::api) const HEALTHZ: &str = "/healthz";
    pub(in crate::api) const READYZ: &str = "/readyz";
}

/// The name of a daemon to those who call it through its socket.
pub(super) const SOCKET_NAME: &str = "pilothouse";

/// The name of a client's session, which it chooses: it ties the place where
/// it looks to its stream of events.
pub(super) const SESSION: &str = "pilothouse-session";

/// An act as it is sent: who sends it is the server's to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Chosen by the sender; a repeat returns the first answer.
    pub key: String,
    /// Over what.
    pub scope: Scope,
    /// What.
    pub verb: Verb,
    /// The version of the scope that the sender saw.
    #[serde(default)]
    pub seen: Option<u64>,
    /// The rollout's id, typed, where the act demands it.
    #[serde(default)]
    pub confirm: Option<String>,
    /// Their reason.
    #[serde(default)]
    pub reason: String,
}

/// Where a client looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Here {
    /// In its screen's own words.
    pub place: String,
}

/// Whom the server takes a client for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Me {
    /// As their acts stand in the journal.
    pub name: String,
    /// What they may somewhere.
    pub may: Vec<Right>,
}

/// Why a request was not served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// Stable word for programs.
    pub code: String,
    /// Why, and what can be done instead.
    pub text: String,
}
