//! What a demo fleet is made of.

use crate::base::{Period, ShardName};

/// Rings in their order, and how many shards are in each.
pub(super) const RINGS: [(&str, u32); 3] = [("canary", 1), ("early", 3), ("broad", 8)];

/// What a demo fleet is made of. The same spec makes the same rows, the same
/// writes and the same trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DemoSpec {
    /// Rows of every shard.
    pub rows: u32,
    /// Most rows per second and shard, in the migration file.
    pub rows_per_s_max: u32,
    /// Makes the choices.
    pub seed: u64,
    /// How long things take.
    pub pace: Pace,
}

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between rings, at each percentage, and before retire.
    pub soak: Period,
    /// Largest replica lag.
    pub lag_max: Period,
    /// Between two readings.
    pub poll: Period,
    /// Attempts of a step.
    pub attempts_max: u32,
    /// How long a closed throttle is left for people to see.
    pub shown: Period,
}

impl Pace {
    /// For a person who watches.
    pub const WATCHED: Self = Self {
        soak: Period::from_ms(2_000),
        lag_max: Period::from_ms(3_000),
        poll: Period::from_ms(500),
        attempts_max: 4,
        shown: Period::from_ms(4_000),
    };

    /// For nobody.
    pub const BRISK: Self = Self {
        soak: Period::from_ms(0),
        lag_max: Period::from_ms(1_200),
        poll: Period::from_ms(200),
        attempts_max: 1,
        shown: Period::from_ms(0),
    };
}

impl Default for DemoSpec {
    fn default() -> Self {
        Self {
            rows: 50_000,
            rows_per_s_max: 3_000,
            seed: 1,
            pace: Pace::WATCHED,
        }
    }
}

impl DemoSpec {
    /// Every shard with its ring, in file order.
    pub fn shards(&self) -> Vec<(ShardName, &'static str)> {
        let rings = RINGS
            .iter()
            .flat_map(|(ring, count)| (0..*count).map(|_| *ring));
        rings
            .zip(1_u32..)
            .filter_map(|(ring, n)| Some((ShardName::new(format!("s{n:02}")).ok()?, ring)))
            .collect()
    }

    /// The shards of one ring.
    pub fn shards_of(&self, ring: &str) -> Vec<ShardName> {
        let all = self.shards().into_iter();
        all.filter(|(_, of)| *of == ring).map(|(n, _)| n).collect()
    }

    /// Shifts the balances of all accounts, so that seeds differ in rows too.
    pub(super) fn offset(&self) -> i64 {
        // A remainder below a million fits.
        (self.seed % 1_000_000) as i64
    }

    /// The balance that an account is opened with; the fill says it in SQL.
    pub(super) fn opening_balance(&self, id: i64) -> i64 {
        (id * 7_919 + self.offset()) % 1_000_003
    }
}
