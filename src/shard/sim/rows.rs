//! Row jobs: ranges, chunks, coverage.

use super::image::{Authority, Image, JobTable, LogRow, Ours, RangeRow, Row, down, key_of, up};
use super::server::{SimServer, broken, error, lost_sight, range_gone};
use crate::base::{Digest, code};
use crate::rollout::{Evidence, Restored};
use crate::worker::{ChunkDone, ErrorKind, Key, Reply, RowJob, RowJobKind};

/// Cuts the table into ranges, bounded now, unless it is cut already.
pub(super) fn split(server: &mut SimServer, job: &RowJob, ranges: u32) -> Reply {
    let keys: Vec<i64> = server.image.rows.keys().copied().collect();
    let Some(ours) = server.image.ours.as_mut() else {
        return lost_sight();
    };
    if !ours.jobs.contains_key(&job.id) {
        ours.jobs.insert(job.id.clone(), cut(&keys, ranges));
        server.commit();
    }
    let table = table(&server.image, job);
    Reply::Ranges(table.map_or_else(Vec::new, |table| {
        (0..).zip(&table.ranges).map(|(n, r)| r.at(n)).collect()
    }))
}

fn cut(keys: &[i64], ranges: u32) -> JobTable {
    let wanted = usize::try_from(ranges.max(1)).unwrap_or(1);
    let size = keys.len().div_ceil(wanted).max(1);
    let mut low = i64::MIN;
    let highs: Vec<i64> = keys
        .chunks(size)
        .filter_map(|chunk| chunk.last().copied())
        .collect();
    // An empty table has one range that holds nothing.
    let highs = if highs.is_empty() {
        vec![i64::MIN]
    } else {
        highs
    };
    let ranges = highs
        .into_iter()
        .map(|high| {
            let range = RangeRow {
                low,
                high,
                after: None,
                closed: false,
                rows: 0,
                chunks: 0,
            };
            low = high;
            range
        })
        .collect();
    JobTable {
        ranges,
        log: Vec::new(),
    }
}

fn table<'a>(image: &'a Image, job: &RowJob) -> Option<&'a JobTable> {
    image.ours.as_ref()?.jobs.get(&job.id)
}

fn range_row(image: &Image, job: &RowJob, range: u32) -> Option<RangeRow> {
    let place = usize::try_from(range).ok()?;
    table(image, job)?.ranges.get(place).copied()
}

/// Where a range stands.
pub(super) fn read(server: &SimServer, job: &RowJob, range: u32) -> Reply {
    match range_row(&server.image, job, range) {
        Some(row) => Reply::Range(row.at(range)),
        None => range_gone(range),
    }
}

fn keys_left(image: &Image, row: &RangeRow, most: usize) -> Vec<i64> {
    if row.cursor() >= row.high {
        return Vec::new();
    }
    let span = (
        std::ops::Bound::Excluded(row.cursor()),
        std::ops::Bound::Included(row.high),
    );
    image
        .rows
        .range(span)
        .map(|(key, _)| *key)
        .take(most)
        .collect()
}

/// What a merge restore would give the next rows.
pub(super) fn count_restore(image: &Image, after: Option<&Key>, most: u32) -> Reply {
    let mut restored = Restored::default();
    let after = after.and_then(|key| key.0.first()?.parse().ok());
    let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
    let span = (from, std::ops::Bound::<i64>::Unbounded);
    let mut last = None;
    let dropped = image.rows.range(span).filter(|(_, row)| row.old.is_none());
    for (key, row) in dropped.take(usize::try_from(most).unwrap_or(1)) {
        if exported(image.ours.as_ref(), *key, *row).is_some() {
            restored.exported += 1;
        } else {
            restored.down += 1;
        }
        last = Some(key_of(*key));
    }
    Reply::RestoreCounted {
        restored,
        after: last,
    }
}

/// The exported value of a row that is unchanged since.
fn exported(ours: Option<&Ours>, key: i64, row: Row) -> Option<i64> {
    let old = ours?.exported.get(&key).copied();
    old.filter(|old| row.new == Some(up(*old)))
}

/// One chunk: fence (checked before), rows, log and checkpoint together.
pub(super) fn chunk(
    server: &mut SimServer,
    epoch: u64,
    job: &RowJob,
    range: u32,
    after: Option<&Key>,
    most: u32,
) -> Reply {
    let Some(row) = range_row(&server.image, job, range) else {
        return range_gone(range);
    };
    if row.closed || row.after.map(key_of).as_ref() != after {
        return Reply::Range(row.at(range));
    }
    let keys = keys_left(&server.image, &row, usize::try_from(most).unwrap_or(1));
    let Some(last) = keys.last().copied() else {
        return Reply::Chunk(ChunkDone {
            rows: 0,
            after: row.after.map(key_of),
            stale: 0,
            took_ms: 1,
        });
    };
    if server.options.variant.splits_checkpoint() {
        note(server, epoch, job, range, (last, &keys, 0));
        server.commit();
    }
    let locked = |key: &i64| server.locked.values().any(|held| held.contains(key));
    if job.kind.writes_rows() && keys.iter().any(locked) {
        return error(ErrorKind::Yielded, "55P03", "lock not available");
    }
    let exact = work(&mut server.image, job.kind, &keys);
    let stale = if server.options.variant.splits_checkpoint() {
        0
    } else {
        note(server, epoch, job, range, (last, &keys, exact))
    };
    server.commit();
    let rows = u64::try_from(keys.len()).unwrap_or(0);
    Reply::Chunk(ChunkDone {
        rows,
        after: Some(key_of(last)),
        stale,
        took_ms: 1 + rows / 4,
    })
}

/// What a checkpoint with a transaction of its own leaves when the rows break off.
pub(super) fn checkpoint_alone(
    server: &mut SimServer,
    epoch: u64,
    job: &RowJob,
    range: u32,
    after: Option<&Key>,
    most: u32,
) {
    let Some(row) = range_row(&server.image, job, range) else {
        return;
    };
    if row.closed || row.after.map(key_of).as_ref() != after {
        return;
    }
    let keys = keys_left(&server.image, &row, usize::try_from(most).unwrap_or(1));
    if let Some(last) = keys.last().copied() {
        note(server, epoch, job, range, (last, &keys, 0));
        server.commit();
    }
}

/// Does the work; gives the number of rows that got their exported value back.
fn work(image: &mut Image, kind: RowJobKind, keys: &[i64]) -> u64 {
    let mut exact = 0;
    for key in keys {
        let Some(row) = image.rows.get_mut(key) else {
            continue;
        };
        match kind {
            RowJobKind::Fill => {
                row.new = row.old.map(up);
                image.ghost.fresh.insert(*key);
                image.ghost.corrupt.remove(key);
            }
            RowJobKind::Export => {
                if let (Some(ours), Some(old)) = (image.ours.as_mut(), row.old) {
                    ours.exported.insert(*key, old);
                }
            }
            RowJobKind::Restore => {
                if row.old.is_none() {
                    let kept = exported(image.ours.as_ref(), *key, *row);
                    exact += u64::from(kept.is_some());
                    row.old = kept.or(row.new.map(down));
                    if image.ghost.corrupt.contains(key) {
                        // Damaged between proof and drop: taken for a write.
                        image.ghost.exempt.insert(*key);
                    }
                    image.ghost.fresh.insert(*key);
                }
            }
            RowJobKind::Verify => {}
        }
    }
    exact
}

fn is_wrong(authority: Option<Authority>, row: Row) -> bool {
    match authority {
        Some(Authority::New) => row.old != row.new.map(down),
        _ => !row.agrees() && row.old != row.new.map(down),
    }
}

/// Writes log and checkpoint of a chunk (its last key, its keys, how many of
/// them got their exported value back); gives the number of wrong rows.
fn note(
    server: &mut SimServer,
    epoch: u64,
    job: &RowJob,
    range: u32,
    (last, keys, exact): (i64, &[i64], u64),
) -> u64 {
    let image = &mut server.image;
    let authority = image.firing();
    let found: Vec<(i64, Row)> = keys
        .iter()
        .filter_map(|key| image.rows.get(key).map(|row| (*key, *row)))
        .collect();
    let verifies = job.kind == RowJobKind::Verify;
    let wrong = found.iter().filter(|(_, row)| is_wrong(authority, *row));
    let stale = if verifies {
        u64::try_from(wrong.count()).unwrap_or(0)
    } else {
        0
    };
    let sum = |seed: u64, of: fn(&Row) -> Option<i64>| {
        found.iter().fold(0_u64, |sum, (key, row)| {
            sum.wrapping_add(mix(seed, *key, of(row)))
        })
    };
    let digests = (sum(1, |row| row.old.map(up)), sum(2, |row| row.new));
    let place = usize::try_from(range).unwrap_or(usize::MAX);
    let Some(table) = image.ours.as_mut().and_then(|o| o.jobs.get_mut(&job.id)) else {
        return stale;
    };
    let Some(row) = table.ranges.get_mut(place) else {
        return stale;
    };
    let rows = u64::try_from(keys.len()).unwrap_or(0);
    table.log.push(LogRow {
        range,
        n: row.chunks,
        low: row.cursor(),
        high: last,
        epoch,
        rows,
        stale,
        exact,
        digests,
    });
    row.after = Some(last);
    row.rows += rows;
    row.chunks += 1;
    stale
}

fn mix(seed: u64, key: i64, value: Option<i64>) -> u64 {
    let mut z = seed
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(key as u64)
        .rotate_left(17)
        ^ value.map_or(0x7fff, |v| v as u64);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 29)
}

/// Marks a range as finished if a fresh look finds nothing left.
pub(super) fn close(server: &mut SimServer, epoch: u64, job: &RowJob, range: u32) -> Reply {
    let Some(row) = range_row(&server.image, job, range) else {
        return range_gone(range);
    };
    if row.closed {
        return Reply::Closed { empty: true };
    }
    if !keys_left(&server.image, &row, 1).is_empty() {
        return Reply::Closed { empty: false };
    }
    note(server, epoch, job, range, (row.high, &[], 0));
    let place = usize::try_from(range).unwrap_or(usize::MAX);
    let table = server.image.ours.as_mut();
    let table = table.and_then(|ours| ours.jobs.get_mut(&job.id));
    if let Some(row) = table.and_then(|t| t.ranges.get_mut(place)) {
        row.closed = true;
        // The closing look is not a chunk.
        row.chunks -= 1;
    }
    server.commit();
    Reply::Closed { empty: true }
}

/// What is wrong with the coverage of a job, if anything.
pub fn coverage_gap(table: &JobTable) -> Option<String> {
    let mut low = i64::MIN;
    for (n, range) in (0_u32..).zip(&table.ranges) {
        if range.low != low {
            return Some(format!("range {n} begins at {}, not {low}", range.low));
        }
        low = range.high;
        let mut cursor = range.low;
        for row in table.log.iter().filter(|row| row.range == n) {
            if row.low != cursor || row.high < row.low {
                return Some(format!(
                    "range {n}: a chunk begins at {}, not {cursor}",
                    row.low
                ));
            }
            cursor = row.high;
        }
        if cursor != range.cursor() {
            return Some(format!(
                "range {n}: the log ends at {cursor}, the checkpoint elsewhere"
            ));
        }
        if range.closed && cursor != range.high {
            return Some(format!("range {n} is closed but ends at {cursor}"));
        }
    }
    None
}

/// Proves coverage and sums up.
pub(super) fn conclude(server: &mut SimServer, job: &RowJob) -> Reply {
    if let Some(why) = server.image.dual_write_broken() {
        return broken(&why);
    }
    let gap = |what: &str| error(ErrorKind::Refused, code::GAP, what);
    let Some(table) = table(&server.image, job) else {
        return gap("it was never cut into ranges");
    };
    if let Some(what) = coverage_gap(table) {
        return gap(&what);
    }
    if table.ranges.iter().any(|range| !range.closed) {
        return gap("a range is not finished");
    }
    let sum = |of: fn(&LogRow) -> u64| table.log.iter().fold(0_u64, |s, r| s.wrapping_add(of(r)));
    let digests = (sum(|r| r.digests.0), sum(|r| r.digests.1));
    let unrestored = match job.kind {
        RowJobKind::Restore => server
            .image
            .rows
            .values()
            .filter(|r| r.old.is_none())
            .count(),
        _ => 0,
    };
    let rows = sum(|r| r.rows);
    let exported = sum(|r| r.exact);
    let restored = (job.kind == RowJobKind::Restore).then(|| Restored {
        exported,
        down: rows.saturating_sub(exported),
    });
    let parts = [digests.0.to_be_bytes(), digests.1.to_be_bytes()];
    let evidence = Evidence {
        rows,
        chunks: table.ranges.iter().map(|r| r.chunks).sum(),
        stale: sum(|r| r.stale) + u64::try_from(unrestored).unwrap_or(0),
        digest: Some(Digest::of("sim/evidence/1", &[&parts[0], &parts[1]])),
        restored,
        ..Evidence::default()
    };
    if evidence.stale > 0 {
        // A retry must look again, not remember.
        forget(server, job);
    }
    Reply::Concluded(evidence)
}

fn forget(server: &mut SimServer, job: &RowJob) {
    if let Some(ours) = server.image.ours.as_mut() {
        ours.jobs.remove(&job.id);
    }
    server.commit();
}
