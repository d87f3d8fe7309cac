//! The figures of `BENCHMARKS.md`, side by side in one run.
//!
//! `cargo bench` prints a table; `cargo bench --bench figures -- operations` only
//! the part of that name (inner, backfill, operations, foreground, frozen).
//! Absolute times belong to the machine; what counts are the ratios within one
//! run. Needs PostgreSQL server binaries.
//! `PILOTHOUSE_BENCH_SCALE` is the pgbench scale (default 10 = 1,000,000 rows),
//! `PILOTHOUSE_BENCH_ROUNDS` the number of interleaved rounds (default 3).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod backfill;
mod foreground;
mod frozen;
mod inner;
mod operations;
mod stage;

use pilothouse::lab::{Binaries, Fill, Lab, LabSpec};

/// One printed line.
pub struct Figure {
    pub name: String,
    pub value: String,
    pub goal: &'static str,
}

impl Figure {
    pub fn new(name: impl Into<String>, value: impl Into<String>, goal: &'static str) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            goal,
        }
    }
}

pub fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name)
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(default)
}

/// Lowest, middle and highest, for a line of the table.
pub fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted[sorted.len() / 2];
    (sorted[0], middle, sorted[sorted.len() - 1])
}

pub fn ratio(name: &str, values: &[f64], goal: &'static str) -> Figure {
    let (low, middle, high) = spread(values);
    Figure::new(
        name,
        format!(
            "{middle:.2} ({low:.2} – {high:.2}, {} rounds)",
            values.len()
        ),
        goal,
    )
}

/// Whether a part was asked for: all of them, unless some are named.
fn is_wanted(part: &str) -> bool {
    let mut named = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .peekable();
    named.peek().is_none() || named.any(|name| name == part)
}

#[tokio::main]
async fn main() {
    // `cargo test --benches` runs this too; it has nothing to check then.
    if !std::env::args().any(|a| a == "--bench") {
        return;
    }
    let mut figures = match is_wanted("inner") {
        true => inner::figures().await,
        false => Vec::new(),
    };
    match Binaries::locate() {
        Ok(_) => figures.extend(on_postgres().await),
        Err(error) => eprintln!("SKIPPED: figures on PostgreSQL: {error}"),
    }
    println!("\n| figure | measured | goal |\n|---|---|---|");
    for Figure { name, value, goal } in figures {
        println!("| {name} | {value} | {goal} |");
    }
}

async fn on_postgres() -> Vec<Figure> {
    let scale = setting("PILOTHOUSE_BENCH_SCALE", 10);
    let mut spec = LabSpec::scratch()
        .shards(1)
        .standbys(0)
        .fill(Fill::Scale(scale));
    spec.shared_buffers_mib = 1024;
    let lab = Lab::start(spec).await.unwrap();
    let mut figures = Vec::new();
    if is_wanted("backfill") {
        figures.extend(backfill::figures(&lab).await);
    }
    if is_wanted("operations") {
        figures.extend(operations::figures(&lab).await);
    }
    if is_wanted("foreground") {
        figures.extend(foreground::figures(&lab).await);
    }
    lab.down().await.unwrap();
    if is_wanted("frozen") {
        figures.extend(frozen::figures().await);
    }
    figures
}
