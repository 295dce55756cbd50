//! The times after which what was spent is forgotten.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a limit counts before it begins anew, by the calendar in UTC.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// From midnight to midnight.
    Day,
    /// Sixty seconds, from one full minute to the next.
    Minute,
    /// From the first of a month to the next.
    Month,
    /// For ever.
    #[default]
    Total,
}

impl Per {
    /// Returns the name, as a configuration writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Minute => "minute",
            Self::Month => "month",
            Self::Total => "total",
        }
    }
}

/// One day, month or minute, by its number since 1970.
///
/// Instances whose clocks differ mean the same window by the same number, so a limit holds for each window whatever
/// their clocks say.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use maily_mesh::account::{Per, Window};
///
/// let leap_day = Duration::from_secs(1_709_208_000); // 2024-02-29T12:00:00Z
/// let month = Window::at(Per::Month, leap_day);
/// assert_eq!(month.number(), 54 * 12 + 1);
/// assert_eq!(month.ends(), Some(Duration::from_secs(1_709_251_200))); // 2024-03-01
/// assert_eq!(Window::at(Per::Total, leap_day).ends(), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Window {
    per: Per,
    number: u32,
}

impl Window {
    /// Returns the window of a time since 1970.
    #[must_use]
    pub fn at(per: Per, now: Duration) -> Self {
        let seconds = now.as_secs();
        let number = match per {
            Per::Day => seconds / DAY,
            Per::Minute => seconds / MINUTE,
            Per::Month => {
                let Date { year, month, .. } = Date::of(seconds / DAY);
                (year - 1970) * 12 + month - 1
            }
            Per::Total => 0,
        };
        Self { per, number: u32::try_from(number).unwrap_or(u32::MAX) }
    }

    /// Returns a window by its number.
    pub(super) const fn of(per: Per, number: u32) -> Self {
        Self { per, number }
    }

    /// Returns how long it is.
    #[must_use]
    pub const fn per(self) -> Per {
        self.per
    }

    /// Returns how many of its kind have passed since 1970.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.number
    }

    /// Returns when it ends, as a time since 1970; `None` for one that does not.
    #[must_use]
    pub fn ends(self) -> Option<Duration> {
        let next = u64::from(self.number) + 1;
        let seconds = match self.per {
            Per::Day => next * DAY,
            Per::Minute => next * MINUTE,
            Per::Month => days_before(1970 + next / 12, next % 12 + 1) * DAY,
            Per::Total => return None,
        };
        Some(Duration::from_secs(seconds))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.per.as_str(), self.number)
    }
}

/// A date of the calendar, in UTC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Date {
    pub(crate) year: u64,
    pub(crate) month: u64,
    pub(crate) day: u64,
}

impl Date {
    /// Returns the date so many days after the first of January 1970.
    ///
    /// Years begin in March here, so that the leap day is the last of one. Source: Hinnant, "chrono-Compatible
    /// Low-Level Date Algorithms", `civil_from_days`.
    pub(crate) const fn of(days: u64) -> Self {
        let days = days + 719_468;
        let (era, in_era) = (days / 146_097, days % 146_097);
        let year = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
        let in_year = in_era - (365 * year + year / 4 - year / 100);
        let from_march = (5 * in_year + 2) / 153;
        let day = in_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Self { year: year + era * 400 + (month <= 2) as u64, month, day }
    }
}

/// Returns the days between 1970 and the first of a month.
const fn days_before(year: u64, month: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, in_era) = (year / 400, year % 400);
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let in_year = (153 * from_march + 2) / 5;
    era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719_468
}

const MINUTE: u64 = 60;
const DAY: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_each_other_without_a_gap() {
        for per in [Per::Minute, Per::Day, Per::Month] {
            // Far enough for a leap century, 2000, and one that is none, 2100.
            let mut now = Duration::from_secs(if per == Per::Minute { 1_700_000_000 } else { 0 });
            for _ in 0..2_000 {
                let window = Window::at(per, now);
                let end = window.ends().unwrap();
                assert_eq!(Window::at(per, end - Duration::from_nanos(1)), window);
                assert_eq!(Window::at(per, end).number(), window.number() + 1);
                now = end;
            }
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let of = |seconds: u64| {
            let Date { year, month, day } = Date::of(seconds / DAY);
            (year, month, day)
        };
        assert_eq!(of(0), (1970, 1, 1));
        assert_eq!(of(951_782_400), (2000, 2, 29));
        assert_eq!(of(4_107_542_400), (2100, 3, 1));
        assert_eq!(of(1_795_305_599), (2026, 11, 21));
    }
}
