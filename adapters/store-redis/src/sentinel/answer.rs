//! What sentinels say, and which of them to believe. No I/O.

use std::cmp::Reverse;
use std::time::Duration;

use maily_redis::Reply;

use crate::link::Target;
use crate::stream::Address;
use tokio::time::Instant;

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

/// Says whether most sentinels name something older than what is known, and none says otherwise. So it is when they were
/// set up anew, and count from the beginning. A few that were cut off are not most.
pub(super) fn name_older(answers: &[Answer], sentinels: usize, known: &Target) -> bool {
    let older = answers.iter().filter(|answer| answer.target.epoch < known.epoch).count();
    older == answers.len() && 2 * older > sentinels
}

/// How long most sentinels have named something older than what is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    since: Instant,
    seen: Instant,
}

impl Doubt {
    /// Goes on with a doubt, or begins one: two that are far apart prove nothing of the time between.
    pub(super) fn go_on(before: Option<Self>) -> Self {
        let seen = Instant::now();
        let since = before.filter(|before| before.seen.elapsed() < PATIENCE * 2).map_or(seen, |it| it.since);
        Self { since, seen }
    }

    /// Says whether they have forgotten what is known: after a vote all of them know it within seconds.
    pub(super) fn is_certain(self) -> bool {
        self.since.elapsed() >= PATIENCE
    }
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

/// How long a newer master that most sentinels do not name any more is not forgotten.
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use tokio::time::advance;

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
    fn most_sentinels_name_an_older_master_and_none_the_one_that_is_known() {
        let (known, older, same) = (target(1, 4), answer(1, 0), answer(1, 4));
        let older_is_named = |answers: &[&Answer]| {
            let answers: Vec<_> = answers.iter().map(|answer| (*answer).clone()).collect();
            name_older(&answers, 3, &known)
        };

        assert!(older_is_named(&[&older, &older]));
        assert!(!older_is_named(&[&older]), "it may have been cut off");
        assert!(!older_is_named(&[&older, &older, &same]), "one knows it");
        assert!(!older_is_named(&[]), "nobody has said anything");
    }

    #[tokio::test(start_paused = true)]
    async fn doubt_is_certain_after_half_a_minute_without_a_gap() {
        let first = Doubt::go_on(None);
        advance(Duration::from_secs(29)).await;
        let second = Doubt::go_on(Some(first));
        assert!(!second.is_certain(), "a vote may be on its way");
        advance(Duration::from_secs(1)).await;
        assert!(Doubt::go_on(Some(second)).is_certain());

        advance(Duration::from_secs(3600)).await;
        assert!(!Doubt::go_on(Some(second)).is_certain(), "nobody has looked for an hour");
    }

    #[test]
    fn target_that_was_tried_in_vain_is_the_last_choice() {
        let answers = [answer(9, 8), answer(1, 3)];

        assert_eq!(choose(&answers, None, &[target(9, 8)]), Some(target(1, 3)));
        assert_eq!(choose(&answers[..1], None, &[target(9, 8)]), Some(target(9, 8)));
    }
}
