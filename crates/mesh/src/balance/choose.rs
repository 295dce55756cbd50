//! The choice of a node for a prompt.

use std::sync::Arc;

use smallvec::SmallVec;

use super::canary::Canary;
use super::chain::Chain;
use super::load::Moment;
use super::node::Member;
use super::prefixes::Prefixes;
use super::ring::{GOLDEN, Ring, mixed};
use super::rules::Rules;
use crate::layer::translate::Translate;
use crate::model::{ModelName, PromptHead};
use crate::port::AnyLlm;

/// A node that serves the model of a prompt.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) member: Arc<Member>,
    pub(super) at_node: Option<ModelName>,
}

impl Route {
    /// The way to the node, and what it calls the model.
    pub(super) fn parts(&self) -> (Translate<AnyLlm>, Option<&ModelName>) {
        (self.member.node.service.clone(), self.at_node.as_ref())
    }
}

/// All nodes that serve one model.
#[derive(Default)]
pub(super) struct Routes {
    list: Vec<Route>,
    ring: Ring,
    canary: Option<Arc<Canary>>,
    // Whether the nodes differ in what is named so, for most do not.
    capped: bool,
    priced: bool,
    zoned: bool,
}

/// What a choice depends on, beside the nodes.
pub(super) struct Asked<'a> {
    pub(super) head: &'a PromptHead,
    pub(super) chain: &'a Chain,
    pub(super) rules: &'a Rules,
    /// Who saw a beginning last.
    pub(super) holders: &'a Prefixes,
    pub(super) now: Moment,
    pub(super) random: u64,
}

/// Places in the list of nodes.
type Places = SmallVec<[u32; 16]>;

impl Routes {
    /// Lists nodes; a split between stable nodes and canaries goes on where the one before has ended.
    pub(super) fn new(list: Vec<Route>, before: Option<&Self>) -> Self {
        let nodes = || list.iter().map(|route| &route.member.node);
        let ring = Ring::new(nodes().map(|node| (node.name.as_str(), node.weight)));
        let share = nodes().map(|node| node.canary_pct).sum::<f64>() / 100.0;
        let canary = (share > 0.0).then(|| {
            let known = before.and_then(|before| before.canary.as_ref());
            known.filter(|known| known.is_of(share)).cloned().unwrap_or_else(|| Arc::new(Canary::new(share)))
        });
        let capped = nodes().any(|node| node.capacity.is_some());
        let priced = nodes().any(|node| node.price.is_some());
        let zoned = nodes().any(|node| node.zone.is_some());
        Self { ring, canary, capped, priced, zoned, list }
    }

    pub(super) fn as_slice(&self) -> &[Route] {
        &self.list
    }

    /// Chooses among the nodes that are in; `None` when none is.
    pub(super) fn choose(&self, asked: &Asked<'_>) -> Option<&Route> {
        let all = self.list.iter().zip(0_u32..);
        let mut places: Places =
            all.filter(|(route, _)| route.member.is_in(asked.now)).map(|(_, place)| place).collect();
        let tried = &asked.head.course.tried;
        if !tried.is_empty() {
            self.prefer(&mut places, |member| !tried.holds(member.name()));
        }
        // Only what others say, so it never takes the last one.
        if places.iter().any(|place| self.member(*place).load.is_suspect(asked.now)) {
            self.prefer(&mut places, |member| !member.load.is_suspect(asked.now));
        }
        if let Some(canary) = &self.canary {
            let is_canary = |member: &Member| member.node.canary_pct > 0.0;
            let canaries = places.iter().filter(|place| is_canary(self.member(**place))).count();
            // Only where there is a choice does a prompt count.
            if canaries > 0 && canaries < places.len() {
                let takes = canary.takes(asked.head.prefix);
                places.retain(|place| is_canary(self.member(*place)) == takes);
            }
        }
        if self.capped {
            self.prefer(&mut places, Member::has_room);
        }
        if self.priced && places.len() > 1 {
            self.cheapest(&mut places, asked);
        }
        let place = match places.as_slice() {
            [] => return None,
            [only] => *only,
            _ => self.best(&places, asked),
        };
        Some(&self.list[place as usize])
    }

    /// Keeps those that are so, if there are any.
    fn prefer(&self, places: &mut Places, is_so: impl Fn(&Member) -> bool) {
        if places.iter().any(|place| is_so(self.member(*place))) {
            places.retain(|place| is_so(self.member(*place)));
        }
    }

    /// Keeps the cheapest of those that are not much slower than the fastest.
    fn cheapest(&self, places: &mut Places, asked: &Asked<'_>) {
        let delay = |place: &u32| self.member(*place).delay(asked.now);
        let price = |place: &u32| self.member(*place).node.price.unwrap_or(0.0);
        let limit =
            places.iter().map(delay).fold(f64::INFINITY, f64::min) * asked.rules.slower_factor.max(1.0);
        places.retain(|place| delay(place) <= limit);
        let lowest = places.iter().map(price).fold(f64::INFINITY, f64::min);
        places.retain(|place| price(place) <= lowest);
    }

    /// Of the node that the prefix belongs to, the one that has most of it, and any two others, takes the cheapest.
    fn best(&self, places: &Places, asked: &Asked<'_>) -> u32 {
        let mut near = places.clone();
        if self.zoned && asked.rules.zone.is_some() {
            self.prefer(&mut near, |member| member.node.zone == asked.rules.zone);
        }
        let affine = (!asked.chain.is_empty()).then(|| self.affine(&near, asked)).flatten();
        let first = affine.map_or_else(|| self.by_weight(&near, &[], asked.random), |[first, _]| first);
        let holder = affine.map_or(first, |[_, holder]| holder);
        let other = self.by_weight(places, &[first], mixed(asked.random.wrapping_add(GOLDEN)));
        let another = self.by_weight(places, &[first, other], mixed(asked.random.wrapping_sub(GOLDEN)));

        let mut best = (first, self.cost(first, asked));
        let mut seen = first;
        for place in [holder, other, another] {
            if place != best.0 && place != seen {
                let cost = self.cost(place, asked);
                // Of two that cost the same the prefix decides, so that it is cached at one node.
                if cost < best.1 {
                    best = (place, cost);
                }
                seen = place;
            }
        }
        best.0
    }

    /// The node on whose arc the prefix lies, and the one that has seen most of the prompt; neither is overloaded.
    fn affine(&self, near: &Places, asked: &Asked<'_>) -> Option<[u32; 2]> {
        let members = near.iter().map(|place| self.member(*place));
        let (inflight, weight) = members.fold((1.0, 0.0), |(inflight, weight), member| {
            (inflight + f64::from(member.load.inflight()), weight + member.node.weight)
        });
        let each = asked.rules.load_factor.max(1.0) * inflight / weight;
        let admits = |place: u32| {
            let member = self.member(place);
            f64::from(member.load.inflight()) + 1.0 <= (each * member.node.weight).ceil()
        };
        let on_ring = |place: &u32| near.contains(place) && admits(*place);
        let first = self.ring.behind(asked.head.prefix).map(|place| place as u32).find(on_ring)?;
        let hashes = asked.chain.as_slice();
        let longest = asked.holders.known(hashes).checked_sub(1).map(|last| hashes[last]);
        let id = longest.and_then(|hash| asked.holders.find(hash));
        let holder = id.and_then(|id| near.iter().copied().find(|place| self.member(*place).id == id));
        Some([first, holder.filter(|place| admits(*place)).unwrap_or(first)])
    }

    /// Draws one by weight; another one than those in `but` if there is any.
    fn by_weight(&self, places: &Places, but: &[u32], random: u64) -> u32 {
        let others = || places.iter().copied().filter(|place| !but.contains(place));
        let weight = |place: u32| self.member(place).node.weight;
        let total: f64 = others().map(weight).sum();
        // 53 bits, as many as a float has.
        let mut drawn = (random >> 11) as f64 / (1_u64 << 53) as f64 * total;
        let mut last = but.first().copied().unwrap_or(places[0]);
        for place in others() {
            last = place;
            drawn -= weight(place);
            if drawn < 0.0 {
                break;
            }
        }
        last
    }

    /// The delay times the tokens that are not cached.
    fn cost(&self, place: u32, asked: &Asked<'_>) -> f64 {
        let member = self.member(place);
        let known = member.prefixes.known(asked.chain.as_slice());
        let fresh = f64::from(asked.head.estimated_tokens) * (1.0 - asked.chain.share(known));
        let is_away = self.zoned && asked.rules.zone.is_some() && member.node.zone != asked.rules.zone;
        let away = if is_away { asked.rules.away_factor.max(1.0) } else { 1.0 };
        member.delay(asked.now) * (fresh + BASE_TOKENS) * away
    }

    fn member(&self, place: u32) -> &Member {
        &self.list[place as usize].member
    }
}

/// What a prompt costs a node beside its tokens.
const BASE_TOKENS: f64 = 32.0;
