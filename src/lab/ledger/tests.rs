//! The oracle must find what is wrong, and only that.

#![allow(clippy::unwrap_used)]
use super::*;
use std::io::Write as _;

fn ledger(notes: &[Note]) -> Ledger {
    let mut ledger = Ledger::default();
    notes.iter().for_each(|note| ledger.note(note));
    ledger.close();
    ledger
}

fn table(columns: Columns, rows: &[(i64, Option<i64>, Option<i64>)]) -> TableRows {
    let rows = rows.iter().map(|(key, old, new_cents)| {
        let found = Found {
            old: *old,
            new_cents: *new_cents,
        };
        (*key, found)
    });
    TableRows {
        columns,
        rows: rows.collect(),
    }
}

/// 1 is 10; 2 was inserted with 5; 3 is deleted; 4 is 0 or 7.
fn story() -> Vec<Note> {
    vec![
        Note::Base(1, Some(0)),
        Note::Try(1, Write::Add(10)),
        Note::Ack(1, 1),
        Note::Base(2, None),
        Note::Try(2, Write::Insert(5)),
        Note::Ack(2, 1),
        Note::Base(3, Some(0)),
        Note::Try(3, Write::Delete),
        Note::Ack(3, 1),
        Note::Base(4, Some(0)),
        Note::Try(4, Write::Add(7)),
        Note::Unknown(4),
        Note::Try(1, Write::Add(1)),
        Note::Refused(1, Untrusted::new("40P01")),
    ]
}

#[test]
fn a_table_with_every_acknowledged_write_is_clean() {
    let ledger = ledger(&story());
    assert_eq!((ledger.acknowledged(), ledger.unknown()), (3, 1));
    assert_eq!(ledger.refused().get("40P01"), Some(&1));
    for unknown in [0, 7] {
        let rows = [
            (1, Some(10), None),
            (2, Some(5), None),
            (4, Some(unknown), None),
        ];
        let report = check(&ledger, &table(Columns::Old, &rows));
        assert!(report.is_clean(), "{report:?}");
        assert_eq!((report.unknown, report.unknown_resolved), (1, 1));
    }
    let rows = [
        (1, Some(10), Some(1_000)),
        (2, Some(5), Some(500)),
        (4, Some(7), Some(700)),
    ];
    assert!(check(&ledger, &table(Columns::Both, &rows)).is_clean());
}

#[test]
fn every_kind_of_loss_is_found() {
    let good = [
        (1, Some(10), Some(1_000)),
        (2, Some(5), Some(500)),
        (4, Some(7), Some(700)),
    ];
    let ledger = ledger(&story());
    let lost = |rows: &[_]| {
        let report = check(&ledger, &table(Columns::Both, rows));
        assert!(!report.is_clean());
        report
            .lost_writes
            .iter()
            .map(|lost| lost.key)
            .collect::<Vec<_>>()
    };
    let mut rows = good;
    rows[0] = (1, Some(0), Some(0));
    assert_eq!(lost(&rows), [1], "a lost change");
    assert_eq!(lost(&good[..1]), [2, 4], "lost rows");
    let with_deleted = [good[0], good[1], good[2], (3, Some(0), Some(0))];
    assert_eq!(lost(&with_deleted), [3], "a lost delete");
    rows = good;
    rows[2] = (4, Some(3), Some(300));
    assert_eq!(lost(&rows), [4], "neither possibility");
}

#[test]
fn forms_that_disagree_are_found() {
    let ledger = ledger(&story());
    for wrong in [Some(999), Some(1_001), None] {
        let rows = [
            (1, Some(10), wrong),
            (2, Some(5), Some(500)),
            (4, Some(0), Some(0)),
        ];
        let report = check(&ledger, &table(Columns::Both, &rows));
        assert_eq!(report.wrong_forms.len(), 1, "{wrong:?}");
        assert_eq!(report.wrong_forms[0].key, 1);
    }
}

#[test]
fn what_a_statement_says_narrows_or_contradicts() {
    let mut notes = story();
    notes.extend([
        Note::Try(4, Write::Add(1)),
        Note::Ack(4, 1),
        Note::Saw(4, Some(8)),
    ]);
    let narrowed = ledger(&notes);
    assert_eq!(narrowed.possible(4), Some(&BTreeSet::from([Some(8)])));
    assert!(narrowed.contradictions().is_empty());

    for wrong in [
        vec![Note::Saw(1, Some(0))],
        vec![Note::Saw(2, None)],
        vec![Note::Try(1, Write::Add(1)), Note::Ack(1, 0)],
        vec![Note::Try(3, Write::Add(1)), Note::Ack(3, 1)],
        vec![Note::Try(1, Write::Insert(1)), Note::Ack(1, 1)],
    ] {
        let mut notes = story();
        notes.extend(wrong.clone());
        assert_eq!(ledger(&notes).contradictions().len(), 1, "{wrong:?}");
    }
}

#[test]
fn a_killed_writer_leaves_a_usable_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let mut file = LedgerFile::open(&path).unwrap();
    for note in story() {
        file.note(&note).unwrap();
    }
    file.note(&Note::Try(1, Write::Add(2))).unwrap();
    drop(file);
    // Killed in the middle of noting the acknowledgement.
    let mut raw = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    raw.write_all(b"{\"ack\":[1").unwrap();
    let loaded = LedgerFile::load(&path).unwrap();
    assert_eq!(
        loaded.possible(1),
        Some(&BTreeSet::from([Some(10), Some(12)]))
    );
    // The next writer goes on behind the last whole line.
    let mut again = LedgerFile::open(&path).unwrap();
    again.note(&Note::Saw(1, Some(12))).unwrap();
    drop(again);
    let loaded = LedgerFile::load(&path).unwrap();
    assert_eq!(loaded.possible(1), Some(&BTreeSet::from([Some(12)])));
    assert!(loaded.contradictions().is_empty());
    // Damage in the middle is not passed over.
    std::fs::write(&path, b"{\"base\":[1,\n{\"unknown\":1}\n").unwrap();
    assert!(LedgerFile::load(&path).is_err());
}
