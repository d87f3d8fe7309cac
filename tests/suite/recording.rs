//! The recording in the README is of a real demo, so it cannot be drawn anew
//! by a test: what can be told is whether it still looks like the program.
//!
//! `pilothouse demo --film screenshots/demo.svg` at 120×40, with
//! `PILOTHOUSE_THEME=dark` and `COLORTERM=truecolor`, makes another one.

use crate::scene::{Steps, healthy, screen};
use crate::screens::folder;
use std::collections::BTreeSet;

/// Every word of a drawing.
fn words(svg: &str) -> BTreeSet<&str> {
    let texts = svg.lines().filter(|line| line.starts_with("<text "));
    texts
        .filter_map(|line| Some(line.split_once('>')?.1.split_once("</text>")?.0))
        .collect()
}

#[test]
fn the_recording_shows_a_demo_from_begin_to_end_as_it_looks_today() {
    let svg = std::fs::read_to_string(folder("demo.svg")).unwrap();
    let seen = words(&svg);
    let today = screen(&healthy().model(), 120, 40);
    let lines: Vec<&str> = today.lines().collect();
    let head = |word: &str| lines.iter().find(|line| line.contains(word)).unwrap();
    let kept = [head("SHARD"), head("preflight"), lines.last().unwrap()];
    let words = kept.iter().flat_map(|line| line.split_whitespace());
    // Frames are no words.
    for word in words.filter(|word| !word.starts_with('│')) {
        assert!(seen.contains(word), "{word} is not in the recording");
    }
    let shown = svg.lines().find_map(|line| {
        let (_, rest) = line.split_once("{animation:")?;
        rest.split_once("ms step-end")?
            .0
            .rsplit(' ')
            .next()?
            .parse()
            .ok()
    });
    let minute: u64 = shown.expect("it does not move");
    assert!(
        (45_000..=75_000).contains(&minute),
        "about a minute: {minute} ms"
    );
    // What a newcomer is to see: the first words, trouble, questions, the end.
    for word in [
        "Welcome",
        "replica",
        "✗",
        "Retry",
        "retire",
        "drop",
        "balance-cents",
        "done",
    ] {
        assert!(seen.contains(word), "{word} is not in the recording");
    }
}
