//! Drills: faults on purpose, in simulation and on throw-away fleets.

pub mod scene;
pub mod sim;
