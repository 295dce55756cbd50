//! Finds the certified parts in what arrived.

use std::ops::Range;

use super::place::Place;
use super::verdict::{Fate, PartVerdict, Summary, Verdict};
use crate::canonical::{Canonical, Part, PartKind, lines_leaf, value_leaf};
use crate::certificate::{Certificate, PartRecord, hints};
use crate::merkle::{Hash, Tree};

/// Compares a message with its certificate, whose signature is good.
///
/// The digests and hints of the certificate only suggest where to look; that nothing is lost is decided by
/// its root, computed again from what was found.
pub(super) fn compare(certificate: &Certificate, message: &Canonical, summary: Summary) -> Verdict {
    let records = certificate.parts();
    let mut search =
        Search { parts: message.parts(), taken: vec![false; message.parts().len()], budget: BUDGET };
    let mut found: Vec<Option<usize>> = records.iter().map(|record| search.same(record)).collect();
    let matched: Vec<bool> = found.iter().map(Option::is_some).collect();
    for (record, place) in records.iter().zip(&mut found) {
        *place = place.or_else(|| search.candidate(record));
    }

    let mut leaves = Vec::with_capacity(records.len());
    let mut verdicts = Vec::with_capacity(records.len());
    let mut last = None;
    for ((record, place), same) in records.iter().zip(&found).zip(matched) {
        let mut verdict = match place {
            Some(index) if same => intact(record, &search.parts[*index], &mut leaves),
            Some(index) => search.differences(record, *index, &mut leaves),
            None => verdict(record, Fate::Removed, Vec::new()),
        };
        if place.is_some() && *place < last && verdict.fate == Fate::Intact {
            verdict.fate = Fate::Moved;
        }
        last = (*place).max(last);
        verdicts.push(verdict);
    }
    let whole = leaves.len() == records.len();
    if whole && leaves.iter().copied().collect::<Tree>().root() != certificate.root() {
        // The short digests agree and the root does not: somebody searched for a collision.
        verdicts.iter_mut().for_each(|verdict| verdict.fate = Fate::Changed);
    }
    let added = search.parts.iter().zip(&search.taken).filter(|(_, taken)| !**taken);
    verdicts.extend(added.map(|(part, _)| PartVerdict {
        kind: part.kind(),
        name: part.name().to_owned(),
        fate: Fate::Added,
        places: Vec::new(),
    }));
    Verdict::compared(message.exact() == certificate.exact(), verdicts, summary)
}

/// How many hashes one comparison may cost: about 0.1 s.
const BUDGET: usize = 500_000;
/// How many places of one part are named.
const MAX_PLACES: usize = 5;

struct Search<'a> {
    parts: &'a [Part],
    taken: Vec<bool>,
    budget: usize,
}

impl Search<'_> {
    /// Takes the first part with the digest of the record.
    fn same(&mut self, record: &PartRecord) -> Option<usize> {
        self.take(|part| part.kind() == record.kind() && part.leaf().short() == *record.digest())
    }

    /// Takes the part that the record most likely became.
    fn candidate(&mut self, record: &PartRecord) -> Option<usize> {
        let is_file = matches!(record.kind(), PartKind::Attachment);
        self.take(|part| part.kind() == record.kind() && part.name().starts_with(record.name()))
            .or_else(|| self.take(|part| part.kind() == record.kind() && !is_file))
    }

    fn take(&mut self, fits: impl Fn(&Part) -> bool) -> Option<usize> {
        let free = |(part, taken): (&Part, &bool)| !*taken && fits(part);
        let index = self.parts.iter().zip(&self.taken).position(free)?;
        self.taken[index] = true;
        Some(index)
    }

    /// Says what became of a part whose digest differs.
    fn differences(&mut self, record: &PartRecord, index: usize, leaves: &mut Vec<Hash>) -> PartVerdict {
        let part = &self.parts[index];
        if record.kind() == PartKind::Subject
            && let Some((tag, leaf)) = untagged(record, part)
        {
            leaves.push(leaf);
            return verdict(record, Fate::Extended, vec![Place::InFront { text: tag }]);
        }
        if !record.kind().has_lines() {
            let is_header = matches!(record.kind(), PartKind::From | PartKind::Subject);
            let places = if is_header { vec![Place::value(part)] } else { Vec::new() };
            return verdict(record, Fate::Changed, places);
        }
        match self.extended(record, part) {
            Some((places, leaf)) => {
                leaves.push(leaf);
                verdict(record, Fate::Extended, places)
            }
            None => verdict(record, Fate::Changed, changed_places(record, part)),
        }
    }

    /// Finds the certified lines among more lines.
    fn extended(&mut self, record: &PartRecord, part: &Part) -> Option<(Vec<Place>, Hash)> {
        let (now, before) = (part.hashes(), record.lines() as usize);
        let more = now.len().checked_sub(before).filter(|more| *more > 0)?;
        for gap in self.gaps(record, now, more) {
            self.budget = self.budget.checked_sub(before)?;
            let kept = [&now[..gap], &now[gap + more..]].concat();
            if let Some(leaf) = certified(record, &kept) {
                return Some((vec![Place::added(part, gap)], leaf));
            }
        }
        // Several additions: each certified line is the next one with its hint.
        let mut rest = 0;
        let mut kept = Vec::with_capacity(before);
        let mut places = Vec::new();
        for hint in record.hints.iter().filter(|_| record.stride() == 1) {
            let skipped = now[rest..].iter().position(|line| hints(&[*line], 1) == [*hint])?;
            if skipped > 0 {
                places.push(Place::added(part, rest));
            }
            kept.push(now[rest + skipped]);
            rest += skipped + 1;
        }
        if rest < now.len() {
            places.push(Place::added(part, rest));
        }
        places.truncate(MAX_PLACES);
        certified(record, &kept).map(|leaf| (places, leaf))
    }

    /// Lists where one block of added lines may begin: at the end, at the front, or where the hints part.
    fn gaps(&self, record: &PartRecord, now: &[Hash], more: usize) -> impl Iterator<Item = usize> + use<> {
        let before = now.len() - more;
        let Range { start, end } = first_difference(record, now);
        [before, 0].into_iter().chain(start..=end.min(before))
    }
}

fn intact(record: &PartRecord, part: &Part, leaves: &mut Vec<Hash>) -> PartVerdict {
    leaves.push(part.leaf());
    verdict(record, Fate::Intact, Vec::new())
}

fn verdict(record: &PartRecord, fate: Fate, places: Vec<Place>) -> PartVerdict {
    PartVerdict { kind: record.kind(), name: record.name().to_owned(), fate, places }
}

/// Returns the leaf of these lines, if it is the one that was certified.
fn certified(record: &PartRecord, lines: &[Hash]) -> Option<Hash> {
    let leaf = lines_leaf(record.kind(), lines);
    (leaf.short() == *record.digest()).then_some(leaf)
}

/// Takes `[tags]` off the front of a subject until it is the certified one.
fn untagged(record: &PartRecord, part: &Part) -> Option<(String, Hash)> {
    let value = part.line(0)?;
    let mut rest = value;
    for _ in 0..MAX_PLACES {
        rest = rest.strip_prefix('[')?.split_once(']')?.1.trim_start();
        let leaf = value_leaf(PartKind::Subject, rest);
        if leaf.short() == *record.digest() {
            let tag = value[..value.len() - rest.len()].trim_end();
            return Some((tag.to_owned(), leaf));
        }
    }
    None
}

/// Returns the lines of the first group whose hint differs.
fn first_difference(record: &PartRecord, now: &[Hash]) -> Range<usize> {
    let stride = record.stride();
    let now = hints(now, stride);
    let same = record.hints.iter().zip(&now).take_while(|(before, now)| before == now).count();
    same * stride..(same + 1) * stride
}

/// Names the lines that differ.
fn changed_places(record: &PartRecord, part: &Part) -> Vec<Place> {
    let (count, before) = (part.hashes().len(), record.lines() as usize);
    let stride = record.stride();
    if count == before {
        let now = hints(part.hashes(), stride);
        let differs = |(index, (before, now)): (usize, (&u16, &u16))| (before != now).then_some(index);
        let groups = record.hints.iter().zip(&now).enumerate().filter_map(differs);
        let place = |group: usize| Place::lines(part, group * stride, ((group + 1) * stride).min(count));
        return groups.take(MAX_PLACES).map(place).collect();
    }
    let Range { start, end } = first_difference(record, part.hashes());
    if start >= count {
        return vec![Place::LinesMissing { after: count }];
    }
    vec![Place::lines(part, start, end.min(count))]
}
