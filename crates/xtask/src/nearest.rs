//! A wrong name answered with the nearest right one.

/// Says that `given` is not a `what`, and which of `known` it may have meant.
pub(crate) fn nearest<'a>(what: &str, given: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let best = known.iter().min_by_key(|name| distance(given, name)).copied();
    match best.filter(|name| distance(given, name) <= given.len().max(name.len()) / 2) {
        Some(name) => format!("there is no {what} `{given}`: did you mean `{name}`?"),
        None => format!("there is no {what} `{given}`; there are: {}", known.join(" ")),
    }
}

/// Edits between two names: insertions, deletions and replacements (Wagner and Fischer, 1974).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typo_is_answered_with_the_nearest_name() {
        let answer = nearest("command", "tset", ["demo", "test", "bench"].into_iter());

        assert_eq!(answer, "there is no command `tset`: did you mean `test`?");
    }

    #[test]
    fn far_name_is_answered_with_the_whole_list() {
        let answer = nearest("command", "deploy-everything", ["demo", "test"].into_iter());

        assert_eq!(answer, "there is no command `deploy-everything`; there are: demo test");
    }

    #[test]
    fn distance_counts_single_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
