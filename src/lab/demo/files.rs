//! The fleet file and the migration file of a demo: what a newcomer reads
//! first, so they say why.

use super::MIGRATION;
use super::layout::DemoLayout;
use super::spec::{DemoSpec, RINGS};
use crate::lab::LabError;
use std::fs;

/// Writes both.
pub(super) fn write(layout: &DemoLayout, spec: &DemoSpec) -> Result<(), LabError> {
    let files = [
        (layout.fleet_file(), fleet(spec)),
        (layout.migration_file(), migration(spec)),
    ];
    for (path, text) in files {
        fs::write(&path, text).map_err(LabError::io("write", &path))?;
    }
    Ok(())
}

/// Every value is one of ours, so nothing in it needs quoting.
fn fleet(spec: &DemoSpec) -> String {
    let pace = &spec.pace;
    let (soak, poll, lag, attempts) = (pace.soak, pace.poll, pace.lag_max, pace.attempts_max);
    let mut text = format!(
        r#"# The fleet of a demo, written by `pilothouse demo`.
name = "demo"
store = "store"

[environment]
name = "demo"
production = false

# Short soaks: a demo is for watching a rollout, not for waiting.
[policy]
after = "verify"
soak = "{soak}"
quiet = "{soak}"
max_failed_shards = 1
attempts_max = {attempts}

[policy.shift]
steps = [1, 10, 50, 100]
soak = "{soak}"

[throttle]
poll = "{poll}"
stale_after = "3s"
replica_lag = "{lag}"

[flags]
directory = "flags"
"#
    );
    for (ring, _) in RINGS {
        text.push_str(&format!("\n[[ring]]\nname = \"{ring}\"\n"));
    }
    for (name, ring) in spec.shards() {
        text.push_str(&format!(
            "\n[[shard]]\nname = \"{name}\"\nring = \"{ring}\"\n\
             candidates = [\"sqlite:shards/{name}.db\"]\n\
             replicas = [\"sqlite:followers/{name}.db\"]\n"
        ));
    }
    text
}

fn migration(spec: &DemoSpec) -> String {
    let rate = spec.rows_per_s_max.max(80);
    let (start, most) = (rate / 8, rate / 4);
    format!(
        r#"# Balances in cents, in a column of their own. Written by `pilothouse demo`.
name = "{MIGRATION}"
description = "Keep account balances in cents"

# The application logs every change of a row for its followers, and the
# backfill's changes are changes too.
user_triggers = "fire"

# Slow on purpose, so that there is time to look and to steer.
[chunks]
rows_per_s_max = {rate}
rows_start = {start}
rows_max = {most}

# SQLite adds NOT NULL with a constant default only.
[[operation]]
[operation.add_column]
table = "account"
column = {{ name = "balance_cents", type = "integer", nullable = false, default = "0" }}
up = "balance * 100"
down = {{ balance = "balance_cents / 100" }}

[[invariant]]
name = "sums agree"
sql = "select coalesce(sum(balance_cents) = sum(balance) * 100, 1) from account"
"#
    )
}
