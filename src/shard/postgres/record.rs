//! Reads what the shard keeps of a rollout, for those who verify a journal.

use super::Failure;
use super::connect;
use super::error::own;
use super::sql;
use crate::base::{Digest, Stop, code};
use crate::fleet::Shard as ShardSpec;
use crate::journal::Head;
use crate::shard::{ShardRecord, Witness};
use crate::worker::{CallError, ErrorKind};
use sqlx::Row as _;
use sqlx::postgres::PgConnection;

/// Connects once and reads; writes nothing.
///
/// # Errors
/// The shard does not answer, or its record cannot be read.
pub async fn read_record(spec: &ShardSpec) -> Result<Option<ShardRecord>, CallError> {
    let read = async {
        let mut found = connect::once(spec, "verify").await?;
        read(&mut found.connection).await
    };
    read.await.map_err(|Failure(error)| error)
}

async fn read(connection: &mut PgConnection) -> Result<Option<ShardRecord>, Failure> {
    if !sql::is_there(connection, "pilothouse.witness").await? {
        return Ok(None);
    }
    let registry = "SELECT rollout, plan_digest, begun, ended FROM pilothouse.registry";
    let Some(row) = sql::row(connection, registry, vec![]).await? else {
        return Ok(None);
    };
    let stop = |text: Option<String>| text.as_deref().map(parse::<Stop>).transpose();
    let mut record = ShardRecord {
        rollout: row.try_get(0)?,
        plan: row.try_get(1)?,
        begun: stop(row.try_get(2)?)?,
        ended: stop(row.try_get(3)?)?,
        witness: Vec::new(),
    };
    // What an earlier rollout of the shard had begun, its own entries intend. A
    // build before this one has not written down whose a row is.
    let witness = "SELECT seq, head, stop, epoch, approvals FROM pilothouse.witness w
        WHERE coalesce(to_jsonb(w) ->> 'rollout', $1) = $1 ORDER BY seq, stop";
    let mine = vec![record.rollout.as_str().into()];
    for row in sql::rows(connection, witness, mine).await? {
        let number = |n: i64| u64::try_from(n).unwrap_or(0);
        let (hash, stop): (String, String) = (row.try_get(1)?, row.try_get(2)?);
        record.witness.push(Witness {
            head: Head {
                seq: number(row.try_get(0)?),
                hash: parse::<Digest>(&hash)?,
            },
            stop: parse(&stop)?,
            epoch: number(row.try_get(3)?),
            approvals: words(row.try_get(4)?),
        });
    }
    Ok(Some(record))
}

fn words(text: String) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn parse<T: std::str::FromStr>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|_| {
        let message = format!("the shard's record holds {text:?}, which pilothouse never writes");
        Failure(own(ErrorKind::Refused, code::RECORD_SPOILED, message))
    })
}
