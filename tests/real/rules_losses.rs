//! What a way back would lose is counted before anybody can promote to
//! contract, and what is counted is what the way back finds.

use crate::bench::Case;
use crate::contract_cases::host::Host;
use crate::support::require_postgres;
use pilothouse::base::Stop;
use pilothouse::rollout::{Job, Report};

const SETUP: &str = "CREATE TABLE public.k (id bigint PRIMARY KEY); INSERT INTO public.k VALUES (1);
    CREATE TABLE public.t (id bigint PRIMARY KEY, a varchar(5), b integer NOT NULL,
      c text CONSTRAINT c_short CHECK (length(c) < 4), d integer CONSTRAINT d_once UNIQUE, e numeric(5,2),
      f bigint CONSTRAINT f_known REFERENCES public.k (id));
    INSERT INTO public.t SELECT n, 'a', n, 'c', n, n, 1 FROM generate_series(1, 20) n";

const MIGRATION: &str = r#"
[[operation]]
alter_column = { table = "t", column = "a", type = "varchar(10)" }
[[operation]]
alter_column = { table = "t", column = "b", nullable = true }
[[operation]]
drop_constraint = { table = "t", name = "c_short" }
[[operation]]
alter_column = { table = "t", column = "d", drop_constraints = ["d_once"] }
[[operation]]
alter_column = { table = "t", column = "e", type = "numeric(9,2)" }
[[operation]]
drop_constraint = { table = "t", name = "f_known" }
[[operation]]
add_column = { table = "t", column = { name = "g", type = "bigint" }, up = "id * 2" }
"#;

/// What the last stop of shift has to tell.
async fn told(case: &Case, host: &mut Host) -> Vec<String> {
    host.advance_to(Stop::Shift(10)).await;
    case.app(
        "UPDATE t SET a = 'longer' WHERE id < 3; UPDATE t SET b = NULL WHERE id = 4;
        UPDATE t SET c = 'long text' WHERE id IN (5, 6, 7); UPDATE t SET d = 1 WHERE id IN (8, 9);
        UPDATE t SET e = 99999.5 WHERE id = 10; UPDATE t SET f = 999 WHERE id IN (11, 12);
        UPDATE t SET g = 7 WHERE id = 13",
    )
    .await;
    let mut notes = Vec::new();
    for stop in host.route.clone() {
        if Some(stop) <= host.ended || stop > Stop::Shift(100) {
            continue;
        }
        match host.run(Job::Advance(stop)).await {
            Some(Report::Finished { evidence, .. }) => notes = evidence.notes,
            other => panic!("{stop}: {other:?}"),
        }
    }
    notes
}

#[tokio::test]
async fn what_a_way_back_would_lose_is_counted() {
    if !require_postgres() {
        return;
    }
    let case = Case::new(SETUP, MIGRATION).await;
    let mut host = case.host();
    let notes = told(&case, &mut host).await;
    let expected = [
        "2 rows of public.t of which a does not fit character varying(5)",
        "1 row of public.t of which b is null",
        "3 rows of public.t of which check c_short is not true",
        "2 rows of public.t that d_once would refuse as doubles",
        "1 row of public.t of which e does not fit numeric(5,2)",
        "2 rows of public.t of which foreign key f_known finds nothing",
        "1 row of public.t whose g the old form cannot give again",
    ];
    assert_eq!(notes.len(), expected.len(), "{notes:#?}");
    for (note, wanted) in notes.iter().zip(expected) {
        assert!(note.contains(wanted), "{note}, not {wanted}");
    }
    // The way back does refuse, and names the rule.
    let mut back = host.route.clone();
    back.retain(|stop| (Stop::Shift(1)..=Stop::Shift(100)).contains(stop));
    let mut refused = None;
    for stop in back.into_iter().rev() {
        match host.run(Job::Undo(stop)).await {
            Some(Report::Undone { .. }) => {}
            other => refused = other,
        }
    }
    assert!(
        matches!(refused, Some(Report::Failed { .. })),
        "{refused:?}"
    );
    case.app("UPDATE t SET a = 'a', b = 1, c = 'c', d = id, e = 1, f = 1")
        .await;
    host.undo_to(Stop::Preflight).await;
}

#[tokio::test]
async fn nothing_to_lose_is_nothing_to_tell() {
    if !require_postgres() {
        return;
    }
    let case = Case::new(SETUP, MIGRATION).await;
    let mut host = case.host();
    host.advance_to(Stop::Shift(100)).await;
    let notes: Vec<String> = host
        .reports
        .iter()
        .filter_map(|report| match report {
            Report::Finished { evidence, .. } => Some(evidence.notes.clone()),
            _ => None,
        })
        .flatten()
        .filter(|note| note.contains("losses"))
        .collect();
    assert_eq!(notes, Vec::<String>::new());
}
