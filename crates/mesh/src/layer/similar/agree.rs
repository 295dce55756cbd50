//! Whether two answers agree.

use unicode_segmentation::UnicodeSegmentation;

/// Returns the words of an answer in their order, as Unicode splits them, without their case.
///
/// Source: Unicode Standard Annex 29, section 4.
pub(super) fn words(text: &str) -> String {
    let words: Vec<String> = text.unicode_words().map(str::to_lowercase).collect();
    words.join(" ")
}

/// Returns whether both have the same numbers, in any order.
///
/// Vectors hardly see a number, and in an answer it is often all that counts.
pub(super) fn same_numbers(left: &str, right: &str) -> bool {
    let numbers = |words: &str| {
        let with_digit = |word: &&str| word.chars().any(char::is_numeric);
        let mut numbers: Vec<String> = words.split(' ').filter(with_digit).map(str::to_owned).collect();
        numbers.sort_unstable();
        numbers
    };
    numbers(left) == numbers(right)
}

#[cfg(test)]
mod tests {
    use super::{same_numbers, words};

    #[test]
    fn case_and_marks_do_not_count() {
        assert_eq!(words("It begins on Monday."), words("it begins — on MONDAY!"));
        assert_ne!(words("It begins on Monday."), words("On Monday it begins."));
        assert_eq!(words("!?"), "");
    }

    #[test]
    fn numbers_count_in_any_order() {
        let same = |left, right| same_numbers(&words(left), &words(right));
        assert!(same("12 letters of 40", "Of 40 letters, 12"));
        assert!(!same("It costs 12 euros", "It costs 13 euros"));
        assert!(same("none", "nothing"));
    }
}
