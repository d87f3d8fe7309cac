//! What a shard is told of its fleet, for preflight to hold it against.

use super::shape::Shapes;

/// Facts and limits of the fleet.
#[derive(Clone, Debug, Default)]
pub struct FleetFacts {
    /// What the tables look like on every shard.
    pub shapes: Shapes,
    /// Most WAL that slots may keep back, if the fleet file says so.
    pub slot_wal_bytes_max: Option<u64>,
    /// Least free disk space, if the fleet file says so.
    pub disk_free_bytes_min: Option<u64>,
}
