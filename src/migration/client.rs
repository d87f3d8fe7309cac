//! Statements that clients run and that must go on working.

use super::expression_check::check_client;
use super::raw::RawClient;
use super::section;
use crate::base::{Findings, Ident};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One statement of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Who breaks if it breaks.
    pub name: String,
    /// Which version of the application runs it.
    pub version: ClientVersion,
    /// One statement, with `$1` and so on for its parameters.
    pub sql: String,
    /// Names of the columns that it returns, in order; of an old client those
    /// that it returned before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Schema of names that say none: the tables' own, also for the new
    /// version, which finds its views by it.
    pub schema: Ident,
    /// The role that runs it; the one that migrates if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Ident>,
    /// Its plan keeps its indexes, and costs at most so many times what it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_within: Option<u32>,
}

/// Which version of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientVersion {
    /// Runs before, and until it is retired.
    Old,
    /// Runs from the publication on.
    New,
}

impl Client {
    /// How many parameters it has.
    pub fn parameters(&self) -> usize {
        let tokens = super::tokens(&self.sql).unwrap_or_default();
        let numbers = tokens
            .iter()
            .filter_map(|token| token.text.strip_prefix('$')?.parse::<usize>().ok());
        numbers.max().unwrap_or(0)
    }
}

pub(super) fn clients(raw: &[RawClient], findings: &mut Findings<'_>) -> Vec<Client> {
    let mut seen = BTreeSet::new();
    let mut clients = Vec::new();
    for (place, client) in raw.iter().enumerate() {
        let path = format!("client[{}]", place + 1);
        let name = client.name.trim();
        let words = ("a client", "clients", "say in a few words who runs it");
        section::named(&path, words, name, &mut seen, findings);
        clients.extend(one(&path, name, client, findings));
    }
    clients
}

fn one(path: &str, name: &str, raw: &RawClient, findings: &mut Findings<'_>) -> Option<Client> {
    let versions = [("old", ClientVersion::Old), ("new", ClientVersion::New)];
    let at = format!("{path}.version");
    let version = findings.choose(&at, "version", &raw.version, &versions);
    let at = format!("{path}.sql");
    let is_wrong = section::sql_error(&at, check_client(&raw.sql), &raw.sql, findings);
    let spelled = "spell it as the catalog does";
    let schema = raw.schema.as_deref().unwrap_or("public");
    let schema = findings.accept(&format!("{path}.schema"), Ident::new(schema), spelled);
    let role = raw
        .role
        .as_ref()
        .and_then(|role| findings.accept(&format!("{path}.role"), Ident::new(role), spelled));
    let plan_within = raw
        .plan_within
        .and_then(|n| findings.number(&format!("{path}.plan_within"), n, 1..=1_000));
    if plan_within.is_some() && version == Some(ClientVersion::New) {
        let remedy = "remove it; it compares with what was before";
        findings.report(
            &format!("{path}.plan_within"),
            "a new client had no plan before",
            remedy,
        );
    }
    let client = Client {
        name: name.to_owned(),
        version: version?,
        sql: raw.sql.trim().to_owned(),
        columns: raw.columns.clone(),
        schema: schema?,
        role,
        plan_within,
    };
    (!is_wrong).then_some(client)
}
