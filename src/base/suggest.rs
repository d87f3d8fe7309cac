//! "Did you mean": the known word nearest to a mistyped one.

/// The nearest of `known`, if it is near enough to be a typing mistake.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// `did you mean "x"? ` or nothing, to stand before the rest of a remedy.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(word, known) {
        Some(candidate) => format!("did you mean \"{candidate}\"? "),
        None => String::new(),
    }
}

/// Edits between two words: insert, delete, replace, swap of neighbours.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(64).collect();
    let right: Vec<char> = right.chars().take(64).collect();
    let width = right.len() + 1;
    let mut before_last = vec![0; width];
    let mut last: Vec<usize> = (0..width).collect();
    for (row, l) in left.iter().enumerate() {
        let mut now = vec![row + 1; width];
        for (column, r) in right.iter().enumerate() {
            let replaced = last[column] + usize::from(l != r);
            let mut best = replaced.min(last[column + 1] + 1).min(now[column] + 1);
            let swapped = row > 0 && column > 0 && left[row - 1] == *r && *l == right[column - 1];
            if swapped {
                best = best.min(before_last[column - 1] + 1);
            }
            now[column + 1] = best;
        }
        before_last = std::mem::replace(&mut last, now);
    }
    last[right.len()]
}
