//! What a stranger reads off one picture of a bad night, without a key press:
//! `screenshots/troubled.svg`, and the table in `screenshots/README.md`.

use crate::scene::Steps;
use crate::scene::screen;
use crate::screens::{folder, scene};

/// A question, where on the screen its answer stands, and the answer.
const QUESTIONS: [(&str, &str, &str); 12] = [
    (
        "Is this production, and is what I see fresh?",
        " pilothouse",
        "PROD prod-eu   ● LIVE",
    ),
    ("Is it all right?", "▌fleet", "✗ 1 failed"),
    (
        "What needs me, the most urgent first?",
        "✗ shard eu-06: backfill failed",
        "retry or roll back",
    ),
    (
        "Which shard is slow, why, and since when?",
        "▲ shard eu-05: slow",
        "replica lag 6.1 s over 5 s on eu-05-r2  (for 4 min)",
    ),
    (
        "Why did eu-06 fail?",
        "✗ shard eu-06: backfill failed",
        "lock not available on customers",
    ),
    ("Who holds canary, and why?", "eu-01", "held by ana"),
    ("Who paused broad, and why?", "us-01", "paused by lee"),
    (
        "Which shard is gone, and since when?",
        "? shard us-07: unreachable",
        "(for 1 min)",
    ),
    (
        "What happens next by itself?",
        " next ",
        "the others finish the stage; the ring waits",
    ),
    (
        "What clears it?",
        " next ",
        "clears when: retry, or roll back",
    ),
    (
        "What is the way back?",
        " back ",
        "flag back (1) · exact (11)",
    ),
    (
        "How far is it, how fast, and how much longer?",
        " Rows ",
        "61 %  129.6 k/s   ETA 29–50 s",
    ),
];

#[test]
fn every_question_has_its_answer_in_plain_sight() {
    let text = screen(&scene("troubled").model(), 120, 40);
    let table = std::fs::read_to_string(folder("README.md")).unwrap();
    for (question, line, answer) in QUESTIONS {
        let inside = |l: &&str| l.contains(line) && l.contains(answer);
        assert!(
            text.lines().any(|l| inside(&l)),
            "{question}\n{line}: {answer}\n{text}"
        );
        assert!(
            table.contains(&format!("| {question} |")),
            "not in the table: {question}"
        );
    }
    // Who did what, and why, is in the feed.
    for said in [
        "held: support sees odd mails  ana",
        "paused: deploy under way  lee",
    ] {
        assert!(text.contains(said), "{text}");
    }
}
