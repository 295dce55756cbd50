//! How many tests passed: read from what the test runners print.

use std::fmt;
use std::ops::AddAssign;

/// Tests that passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    /// Ran, and held.
    pub(crate) passed: usize,
    /// Ran, and did not hold.
    pub(crate) failed: usize,
    /// Did not run, or ran without a component that it needs.
    pub(crate) skipped: usize,
}

impl Counts {
    /// Counts one thing that is either right or wrong.
    pub(crate) fn one(ok: bool) -> Self {
        Self { passed: usize::from(ok), failed: usize::from(!ok), skipped: 0 }
    }

    /// Makes a run that failed without a failed test (it did not compile, or crashed) count as one failure.
    #[must_use]
    pub(crate) fn with_status(mut self, ok: bool) -> Self {
        if !ok && self.failed == 0 {
            self.failed = 1;
        }
        self
    }

    /// Makes what was skipped a failure.
    #[must_use]
    pub(crate) fn without_skips(self) -> Self {
        Self { failed: self.failed + self.skipped, skipped: 0, ..self }
    }

    /// Takes off the tests that passed only because they found a component missing, and said so.
    #[must_use]
    fn with_announced_skips(mut self, text: &str) -> Self {
        let announced = text.lines().filter(|line| line.trim_start().starts_with(SKIP)).count();
        self.skipped += announced;
        self.passed = self.passed.saturating_sub(announced);
        self
    }

    fn add(&mut self, what: &str, number: usize) {
        match what {
            "pass" | "passed" => self.passed += number,
            "fail" | "failed" | "cancelled" | "error" | "errors" | "xpassed" => self.failed += number,
            "skip" | "skipped" | "ignored" | "todo" | "xfailed" => self.skipped += number,
            _ => {}
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// Reads `test result: ok. 5 passed; 0 failed; 1 ignored; ..`, one line per test program.
pub(crate) fn libtest(text: &str) -> Counts {
    let mut counts = Counts::default();
    for line in text.lines().filter_map(|line| line.trim().strip_prefix("test result: ")) {
        let Some((_, numbers)) = line.split_once(". ") else { continue };
        pairs(numbers, ';', &mut counts);
    }
    counts.with_announced_skips(text)
}

/// Reads the last line of pytest: `== 3 passed, 1 skipped in 0.02s ==`.
pub(crate) fn pytest(text: &str) -> Counts {
    let mut counts = Counts::default();
    let summary = text.lines().rev().find(|line| {
        line.contains(" in ")
            && ["passed", "failed", "error", "skipped"].iter().any(|word| line.contains(word))
    });
    if let Some((numbers, _)) = summary.and_then(|line| line.trim_matches(['=', ' ']).rsplit_once(" in ")) {
        pairs(numbers, ',', &mut counts);
    }
    counts.with_announced_skips(text)
}

/// Reads the runners of JavaScript: vitest (`Tests  3 passed (3)`) and Node's own (`# pass 3`, `ℹ pass 3`).
pub(crate) fn javascript(text: &str) -> Counts {
    let mut counts = Counts::default();
    for line in text.lines().map(str::trim) {
        if let Some(numbers) = line.strip_prefix("Tests ") {
            pairs(numbers.split('(').next().unwrap_or_default(), '|', &mut counts);
        } else if let Some(rest) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ "))
            && let Some((what, number)) = rest.split_once(' ')
            && let Ok(number) = number.parse()
        {
            counts.add(what, number);
        }
    }
    counts.with_announced_skips(text)
}

/// Reads `NUMBER WORD` pairs.
fn pairs(text: &str, separator: char, counts: &mut Counts) {
    for part in text.split(separator) {
        let mut words = part.split_whitespace();
        if let (Some(Ok(number)), Some(what)) = (words.next().map(str::parse), words.next()) {
            counts.add(what, number);
        }
    }
}

/// How a test says that it found a component missing and did nothing.
const SKIP: &str = "MAILY-SKIP:";

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: usize, failed: usize, skipped: usize) -> Counts {
        Counts { passed, failed, skipped }
    }

    #[test]
    fn libtest_sums_every_program() {
        let text = "\
running 6 tests
test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.03s
   Doc-tests maily_errors
test result: FAILED. 7 passed; 2 failed; 0 ignored; 0 measured; 3 filtered out; finished in 1.20s
";
        assert_eq!(libtest(text), counts(12, 2, 1));
    }

    #[test]
    fn announced_skip_is_not_a_pass() {
        let text = "MAILY-SKIP: no redis server\ntest result: ok. 3 passed; 0 failed; 0 ignored; 0 measured";

        assert_eq!(libtest(text), counts(2, 0, 1));
    }

    #[test]
    fn pytest_is_read_from_its_last_line() {
        assert_eq!(pytest("= 1 failed, 12 passed, 2 skipped, 1 warning in 3.21s ="), counts(12, 1, 2));
        assert_eq!(pytest("...\n13 passed in 0.02s\n"), counts(13, 0, 0));
        assert_eq!(pytest("=== 2 errors in 0.11s ==="), counts(0, 2, 0));
        assert_eq!(pytest("no tests ran in 0.01s"), counts(0, 0, 0));
    }

    #[test]
    fn vitest_counts_tests_and_not_files() {
        let text = " Test Files  2 passed (2)\n      Tests  1 failed | 12 passed | 3 skipped (16)\n";

        assert_eq!(javascript(text), counts(12, 1, 3));
    }

    #[test]
    fn node_counts_in_both_reporters() {
        let tap = "# tests 5\n# suites 0\n# pass 4\n# fail 1\n# cancelled 0\n# skipped 0\n# todo 0\n";
        let spec = "ℹ tests 3\nℹ pass 2\nℹ fail 0\nℹ cancelled 1\nℹ skipped 0\nℹ duration_ms 12.5\n";

        assert_eq!(javascript(tap), counts(4, 1, 0));
        assert_eq!(javascript(spec), counts(2, 1, 0));
    }

    #[test]
    fn crash_without_a_failed_test_is_a_failure() {
        assert_eq!(counts(3, 0, 0).with_status(false), counts(3, 1, 0));
        assert_eq!(counts(3, 2, 0).with_status(false), counts(3, 2, 0));
        assert_eq!(counts(3, 0, 0).with_status(true), counts(3, 0, 0));
    }

    #[test]
    fn unattended_run_has_no_skips() {
        assert_eq!(counts(3, 1, 2).without_skips(), counts(3, 3, 0));
    }
}
