//! The keys of the newest events.

use std::collections::{HashSet, VecDeque};

use crate::model::EventKey;

#[derive(Debug)]
pub(super) struct Recent {
    limit: usize,
    order: VecDeque<EventKey>,
    known: HashSet<EventKey>,
}

impl Recent {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, order: VecDeque::new(), known: HashSet::new() }
    }

    pub(super) fn contains(&self, key: &EventKey) -> bool {
        self.known.contains(key)
    }

    pub(super) fn insert(&mut self, key: EventKey) {
        if self.known.insert(key.clone()) {
            self.order.push_back(key);
        }
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}
