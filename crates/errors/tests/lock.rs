//! A published code never changes its number, name, kind or status, and a retired one never comes back.

use std::collections::BTreeMap;

use maily_errors::Code;

const LOCK: &str = include_str!("../catalogue.lock");

/// What a caller may rely on: number, then name, kind, HTTP and gRPC status.
type Catalogue = BTreeMap<u16, String>;

fn catalogue() -> Catalogue {
    let row = |code: Code| format!("{code} {} {} {}", code.kind(), code.http_status(), code.grpc_status());
    Code::all().map(|code| (code.number(), row(code))).collect()
}

fn check(lock: &str, catalogue: &Catalogue) -> Result<(), String> {
    let lines: Vec<(&str, u16, &str)> = lock
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut parts = line.splitn(3, ' ');
            let number = |text: &str| text.parse().ok();
            let parsed = (|| Some((parts.next()?, number(parts.next()?)?, parts.next()?)))();
            parsed.ok_or_else(|| format!("unreadable line: {line}"))
        })
        .collect::<Result<_, _>>()?;
    for (state, number, published) in &lines {
        let name = published.split(' ').next();
        let again = catalogue.values().any(|row| row.split(' ').next() == name);
        match (*state, catalogue.get(number)) {
            ("live", Some(row)) if row == published => {}
            ("live", Some(row)) => return Err(format!("{number} was `{published}` and is now `{row}`")),
            ("live", None) => return Err(format!("{number} `{published}` is gone; retire it in the lock")),
            ("retired", None) if !again => {}
            ("retired", _) => return Err(format!("{number} `{published}` is retired and was used again")),
            _ => return Err(format!("unknown state: {state}")),
        }
    }
    let new = catalogue.keys().find(|number| !lines.iter().any(|(_, locked, _)| locked == *number));
    new.map_or(Ok(()), |number| Err(format!("{number} is not locked; run `cargo xtask generate`")))
}

/// The catalogue with another row under a number, checked against the lock.
fn with_row(number: u16, row: &str) -> Result<(), String> {
    let mut changed = catalogue();
    changed.insert(number, row.to_owned());
    check(LOCK, &changed)
}

fn refusal(outcome: Result<(), String>) -> String {
    outcome.expect_err("the change is refused")
}

#[test]
fn catalogue_is_what_was_published() {
    assert_eq!(check(LOCK, &catalogue()), Ok(()));
}

#[test]
fn renumbered_code_fails() {
    let mut changed = catalogue();
    let row = changed.remove(&6).expect("6 is published");
    changed.insert(99, row);

    assert_eq!(refusal(check(LOCK, &changed)), "6 `timeout timeout 504 4` is gone; retire it in the lock");
}

#[test]
fn removed_code_fails() {
    let mut changed = catalogue();
    changed.remove(&6);

    assert_eq!(refusal(check(LOCK, &changed)), "6 `timeout timeout 504 4` is gone; retire it in the lock");
}

#[test]
fn renamed_code_fails() {
    let refused = refusal(with_row(6, "too-late timeout 504 4"));

    assert_eq!(refused, "6 was `timeout timeout 504 4` and is now `too-late timeout 504 4`");
}

#[test]
fn changed_kind_fails() {
    let refused = refusal(with_row(6, "timeout unavailable 504 4"));

    assert_eq!(refused, "6 was `timeout timeout 504 4` and is now `timeout unavailable 504 4`");
}

#[test]
fn changed_http_status_fails() {
    let refused = refusal(with_row(6, "timeout timeout 408 4"));

    assert_eq!(refused, "6 was `timeout timeout 504 4` and is now `timeout timeout 408 4`");
}

#[test]
fn changed_grpc_status_fails() {
    let refused = refusal(with_row(6, "timeout timeout 504 14"));

    assert_eq!(refused, "6 was `timeout timeout 504 4` and is now `timeout timeout 504 14`");
}

#[test]
fn new_code_that_is_not_locked_fails() {
    let refused = refusal(with_row(97, "new-idea invalid 400 3"));

    assert_eq!(refused, "97 is not locked; run `cargo xtask generate`");
}

#[test]
fn retired_code_is_gone_for_good() {
    let lock = LOCK.replace("live 6 timeout", "retired 6 timeout");
    let mut without = catalogue();
    without.remove(&6);

    assert_eq!(check(&lock, &without), Ok(()));
    assert_eq!(
        refusal(check(&lock, &catalogue())),
        "6 `timeout timeout 504 4` is retired and was used again"
    );
}

#[test]
fn reused_number_of_a_retired_code_fails() {
    let lock = format!("{LOCK}retired 98 old-idea invalid 400 3\n");
    let mut changed = catalogue();
    changed.insert(98, "new-idea invalid 400 3".to_owned());

    assert_eq!(check(&lock, &catalogue()), Ok(()));
    assert_eq!(refusal(check(&lock, &changed)), "98 `old-idea invalid 400 3` is retired and was used again");
}

#[test]
fn reused_name_of_a_retired_code_fails() {
    let lock = format!("{LOCK}retired 98 old-idea invalid 400 3\nlive 97 old-idea invalid 400 3\n");
    let mut changed = catalogue();
    changed.insert(97, "old-idea invalid 400 3".to_owned());

    assert_eq!(refusal(check(&lock, &changed)), "98 `old-idea invalid 400 3` is retired and was used again");
}

#[test]
fn lock_that_says_two_things_of_one_number_fails() {
    let lock = format!("{LOCK}live 6 timeout timeout 408 4\n");

    assert_eq!(
        refusal(check(&lock, &catalogue())),
        "6 was `timeout timeout 408 4` and is now `timeout timeout 504 4`"
    );
}

#[test]
fn lock_that_cannot_be_read_fails() {
    let unreadable = format!("{LOCK}live six timeout\n");
    let unknown = format!("{LOCK}paused 98 old-idea invalid 400 3\n");

    assert_eq!(refusal(check(&unreadable, &catalogue())), "unreadable line: live six timeout");
    assert_eq!(refusal(check(&unknown, &catalogue())), "unknown state: paused");
}
