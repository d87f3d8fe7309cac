//! Whether the migration follows on what was done on the shard before.

use super::{finding, pass_or};
use crate::base::Untrusted;
use crate::shard::postgres::{Failure, Inner, history, sql};
use crate::worker::{Check, CheckVerdict};
use sqlx::postgres::PgConnection;

/// A migration is done once. That every shard has done the same before is
/// compared with the shapes.
pub(super) async fn check(connection: &mut PgConnection, shard: &Inner) -> Result<Check, Failure> {
    let done = history::done(connection).await?;
    let name = shard.migration.name.as_str();
    let mut others = done.iter().filter(|past| past.rollout != shard.rollout.id);
    let before = others.find(|past| past.migration == name);
    let value = match (before, done.last()) {
        (Some(past), _) => format!("{name} was done here at {} UTC", past.ended_at),
        (None, Some(last)) => format!("after {}", Untrusted::new(&last.migration)),
        (None, None) => "the first one here".to_owned(),
    };
    Ok(finding(
        "history",
        pass_or(CheckVerdict::Fail, before.is_none()),
        value,
        "a migration that was not done here before",
        "give it another name if it is another one; `pilothouse catch-up` brings a shard that lacks it to the others",
    ))
}

/// Every migration that came to its end here, in order, but for this rollout's
/// own.
pub(in crate::shard::postgres) async fn line(
    connection: &mut PgConnection,
) -> Result<String, Failure> {
    let own = match sql::is_there(connection, "pilothouse.registry").await? {
        true => {
            sql::text(
                connection,
                "SELECT rollout FROM pilothouse.registry",
                vec![],
            )
            .await?
        }
        false => None,
    };
    let done = history::done(connection).await?;
    let names = done
        .iter()
        .filter(|past| Some(&past.rollout) != own.as_ref());
    let names: Vec<&str> = names.map(|past| past.migration.as_str()).collect();
    Ok(match names.is_empty() {
        true => "empty".into(),
        false => names.join(", "),
    })
}
