//! What every kind of shard must do, whatever it is made of.
//!
//! A kind joins by writing a [`Fixture`] and naming it in
//! `contract_tests!(ITS_FIXTURE)`: it gets one test per case. The cases drive
//! the shard through the real workers where they can ([`host`]).
#![allow(dead_code, async_fn_in_trait)]

pub mod cases;
pub mod host;
pub mod rows;

use pilothouse::base::Stop;
use pilothouse::shard::Shard;
use std::sync::Arc;

/// A shard with one table, as the application and the tests see it.
///
/// The table has an integer key, a text column (old form) and gets a text
/// column (new form) by a migration with `up = 'n:' || old` and
/// `down = substr(new, 3)`, nullable, replacing the old column.
pub trait Fixture: Sized {
    /// Whether this machine can run such a shard; if not, its cases are
    /// skipped, and counted as skipped.
    fn ready() -> bool {
        true
    }

    /// A virgin shard whose rows have the keys 10, 20, … 10 × `rows` and the
    /// old form `v10`, `v20`, …
    async fn new(rows: u32) -> Self;

    /// The shard, compiled for [`route`]. Every call gives the same one.
    fn shard(&self) -> Arc<dyn Shard>;

    /// The rollout that its registry will name.
    fn rollout(&self) -> String;

    /// All rows by key. A form whose column is not there reads as `None`.
    async fn rows(&self) -> Vec<Row>;

    /// A write of the application, over a connection of its own. An error is
    /// its text, with our code in it if we refused.
    async fn write(&self, write: Write) -> Result<(), String>;

    /// Sets the new form behind everybody's back: no trigger fires, and none
    /// is missing afterwards.
    async fn tamper(&self, key: i64, new: &str);

    /// Takes the triggers of dual write away, as a stranger would.
    async fn break_dual_write(&self);

    /// Loses one entry in the middle of a job's chunk log.
    async fn lose_log_entry(&self, job: &str);

    /// The normalised schema without anything of ours.
    async fn dump(&self) -> String;

    /// Everything there is in the shard, ours included, as one text.
    async fn content(&self) -> String;
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub key: i64,
    pub old: Option<String>,
    pub new: Option<String>,
}

/// What the application can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    Insert { key: i64, old: String },
    Update { key: i64, old: String },
    Move { from: i64, to: i64 },
    Delete { key: i64 },
    InsertNew { key: i64, new: String },
    UpdateNew { key: i64, new: String },
}

/// Every stop, with two percentages.
pub fn route() -> Vec<Stop> {
    vec![
        Stop::Preflight,
        Stop::Snapshot,
        Stop::Expand,
        Stop::DualWrite,
        Stop::Backfill,
        Stop::Verify,
        Stop::Shift(10),
        Stop::Shift(100),
        Stop::Retire,
        Stop::Drop,
    ]
}

/// The new form of an old one.
pub fn up(old: &str) -> String {
    format!("n:{old}")
}

/// One test per case.
macro_rules! contract_tests {
    ($fixture:ty) => {
        $crate::contract_cases::each_case!($fixture;
            cases::attach_on_a_virgin_shard_writes_nothing,
            cases::another_pin_is_refused,
            cases::take_over_bumps_the_epoch,
            cases::a_deposed_epoch_is_refused_in_every_effect,
            cases::stops_are_recorded_on_the_shard,
            cases::preflight_writes_nothing,
            cases::every_step_applies_twice_and_back_twice,
            cases::undo_from_every_stop_restores_the_schema,
            cases::a_new_form_write_is_refused_while_the_old_form_rules,
            cases::an_old_form_write_is_refused_once_the_new_form_rules,
            cases::what_the_plan_does_not_know_is_refused,
            cases::a_lost_reply_changes_nothing,
            cases::a_lost_call_changes_nothing,
            cases::drop_and_merge_restore_count_both_ways,
            rows::split_is_cut_once_and_bounded_at_the_start,
            rows::backfill_fills_everything,
            rows::an_empty_table_is_no_trouble,
            rows::a_stale_cursor_writes_nothing_and_learns_the_truth,
            rows::an_exhausted_range_is_closed_only_if_nothing_is_left,
            rows::keys_that_move_across_the_cursor_end_right,
            rows::writes_during_the_backfill_end_right,
            rows::verify_finds_one_wrong_row,
            rows::verify_finds_two_swapped_values,
            rows::verify_finds_the_same_delta_in_all_rows,
            rows::conclude_refuses_a_gap,
            rows::nothing_is_finished_while_dual_write_is_broken,
            rows::what_is_left_of_dual_write_does_not_block_what_comes_before_it,
            rows::a_switch_back_over_a_touched_trigger_voids_the_proof,
            rows::mending_does_not_hide_what_is_published,
            rows::broken_dual_write_voids_the_proof_and_is_mended,
            rows::a_mend_that_nobody_told_is_noticed,
        );
    };
}

macro_rules! each_case {
    ($fixture:ty; $($room:ident :: $case:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $case() {
                if <$fixture as $crate::contract_cases::Fixture>::ready() {
                    $crate::contract_cases::$room::$case::<$fixture>().await;
                }
            }
        )*
    };
}

#[allow(unused_imports)]
pub(crate) use {contract_tests, each_case};
