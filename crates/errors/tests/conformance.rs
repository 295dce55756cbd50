//! The reports of this crate keep the rules of the port.
#![cfg(feature = "conformance")]

use maily_errors::{LogReport, MemoryReport, Report as _};

mod memory {
    use super::MemoryReport;

    maily_errors::conformance!(report, MemoryReport::default());
}

mod log {
    use super::LogReport;

    maily_errors::conformance!(report, LogReport);
}

#[test]
fn memory_report_forgets_the_oldest_at_its_limit() {
    let report = MemoryReport::default();
    let errors = [maily_errors::Code::Timeout, maily_errors::Code::Corrupt].map(maily_errors::Error::from);

    report.report(&errors[0]);
    (0..MemoryReport::LIMIT).for_each(|_| report.report(&errors[1]));

    assert_eq!(report.lines().len(), MemoryReport::LIMIT);
    assert!(report.lines().iter().all(|line| line.contains("corrupt")));
}
