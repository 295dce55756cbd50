//! What sentinels say, and which of them to believe. No I/O.

use std::cmp::Reverse;
use std::time::Duration;

use maily_redis::Reply;

use crate::link::Target;
use crate::stream::Address;

/// One sentinel's opinion.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Answer {
    pub(super) target: Target,
    /// Whether the sentinel reaches that server.
    pub(super) well: bool,
}

impl Answer {
    /// Reads the answer to `SENTINEL MASTER`: address and epoch of one moment.
    ///
    /// A sentinel that leads a failover says nothing certain until it is over: as soon as the replica is promoted it has
    /// the new epoch, still with the address of the old master (`sentinel.c`, `sentinelRefreshInstanceInfo`). What an
    /// old master that is still alive then grants would count as granted after the failover.
    pub(super) fn read(reply: &Reply) -> Option<Self> {
        let Reply::List(words) = reply else { return None };
        let (pairs, _) = words.as_chunks::<2>();
        let field = |wanted: &str| {
            pairs.iter().find(|[name, _]| text(name) == Some(wanted)).and_then(|[_, value]| text(value))
        };
        let address = Address { host: field("ip")?.to_owned(), port: field("port")?.parse().ok()? };
        let epoch = field("config-epoch")?.parse().ok()?;
        let flags = field("flags")?;
        if flags.split(',').any(|flag| flag == "failover_in_progress") {
            return None;
        }
        let well = flags == "master";
        Some(Self { target: Target { address, epoch }, well })
    }
}

fn text(word: &Reply) -> Option<&str> {
    if let Reply::Data(data) = word { str::from_utf8(data).ok() } else { None }
}

/// Says whether the sentinels have forgotten what is known: most of them name something older, and for a while none has
/// said otherwise. So it is when they were set up anew, and count from the beginning. A few that were cut off are not
/// most, and after a vote all of them know it within seconds.
pub(super) fn have_forgotten(
    answers: &[Answer],
    sentinels: usize,
    known: &Target,
    unconfirmed: Duration,
) -> bool {
    let older = answers.iter().filter(|answer| answer.target.epoch < known.epoch).count();
    older == answers.len() && 2 * older > sentinels && unconfirmed >= PATIENCE
}

/// Chooses the answer to believe: of those that are not older than what is known, the newest; among equals what
/// most say. A target that was tried in vain is taken only when there is no other.
pub(super) fn choose(answers: &[Answer], known: Option<&Target>, refused: &[Target]) -> Option<Target> {
    let oldest = known.map_or(0, |target| target.epoch);
    let votes = |target: &Target| answers.iter().filter(|other| other.target == *target).count();
    let best = answers.iter().filter(|answer| answer.target.epoch >= oldest).max_by_key(|answer| {
        let target = &answer.target;
        // At last the address, so that the order of the answers does not matter.
        let address = Reverse((&target.address.host, target.address.port));
        (!refused.contains(target), target.epoch, votes(target), answer.well, address)
    });
    best.map(|answer| answer.target.clone())
}

/// How long a newer master that no sentinel names any more is not forgotten.
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn target(port: u16, epoch: u64) -> Target {
        Target { address: Address { host: "10.0.0.1".to_owned(), port }, epoch }
    }

    fn answer(port: u16, epoch: u64) -> Answer {
        Answer { target: target(port, epoch), well: true }
    }

    fn reply(flags: &'static str) -> Reply {
        let words = ["name", "main", "ip", "10.0.0.1", "port", "7", "flags", flags, "config-epoch", "4"];
        Reply::List(words.iter().map(|word| Reply::Data((*word).into())).collect())
    }

    #[test]
    fn leader_of_a_failover_says_nothing_certain() {
        assert_eq!(Answer::read(&reply("s_down,o_down,master,failover_in_progress")), None);
    }

    #[test]
    fn answer_has_address_and_epoch_of_one_moment() {
        let answer = Answer::read(&reply("s_down,master")).unwrap();

        assert_eq!(answer, Answer { target: target(7, 4), well: false });
        assert_eq!(Answer::read(&Reply::Nil), None);
        assert_eq!(Answer::read(&Reply::List(Vec::new())), None);
    }

    #[test]
    fn newest_answer_wins_over_the_most() {
        let answers = [answer(1, 3), answer(1, 3), answer(2, 4)];

        assert_eq!(choose(&answers, None, &[]), Some(target(2, 4)));
    }

    #[test]
    fn older_answer_than_what_is_known_is_none() {
        let known = target(2, 4);

        assert_eq!(choose(&[answer(1, 3)], Some(&known), &[]), None);
        assert_eq!(choose(&[answer(1, 3), answer(2, 4)], Some(&known), &[]), Some(target(2, 4)));
    }

    #[test]
    fn most_answers_win_where_the_epochs_are_equal() {
        let answers = [answer(9, 0), answer(1, 0), answer(1, 0)];

        assert_eq!(choose(&answers, None, &[]), Some(target(1, 0)));
    }

    #[test]
    fn newer_master_is_forgotten_when_most_sentinels_name_an_older_one_for_half_a_minute() {
        let (known, older, same) = (target(2, 4), answer(1, 0), answer(2, 4));
        let forgotten = |answers: &[&Answer], seconds| {
            let answers: Vec<_> = answers.iter().copied().cloned().collect();
            have_forgotten(&answers, 3, &known, Duration::from_secs(seconds))
        };

        assert!(forgotten(&[&older, &older], 30));
        assert!(!forgotten(&[&older, &older], 29), "a vote may be on its way");
        assert!(!forgotten(&[&older], 30), "it may have been cut off");
        assert!(!forgotten(&[&older, &older, &same], 30), "one knows it");
        assert!(!forgotten(&[], 30), "nobody has said anything");
    }

    #[test]
    fn target_that_was_tried_in_vain_is_the_last_choice() {
        let answers = [answer(9, 8), answer(1, 3)];

        assert_eq!(choose(&answers, None, &[target(9, 8)]), Some(target(1, 3)));
        assert_eq!(choose(&answers[..1], None, &[target(9, 8)]), Some(target(9, 8)));
    }
}
