//! What is answered from memory, and what is learned from the nodes.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, timeout_at};
use tower::ServiceExt;

use super::agree::{same_numbers, words};
use super::judge::Judge;
use super::layer::Rules;
use super::question::{Asked, Question};
use super::shelf::{Entry, Said, Shelf};
use crate::layer::cache;
use crate::layer::cache::kept::Kept;
use crate::layer::cache::key::{Digest, Key};
use crate::model::{CacheStatus, Caching, Completion, CompletionHead, Embedding, Format, Prompt, Texts};
use crate::port::AnyEmbed;
use crate::wire;

/// What similar prompts share. All parts are shared by the clones of one service.
pub(super) struct Store {
    rules: Rules,
    embed: AnyEmbed,
    hasher: ahash::RandomState,
    // One lock: it is held for a fraction of a millisecond, after an embedding that took several.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    shelves: HashMap<Key, Shelf, BuildHasherDefault<Digest>>,
    /// Where the answers stand, the oldest first.
    order: VecDeque<(Instant, Key, u64)>,
    bytes: u64,
    last: u64,
    random: Option<SmallRng>,
    /// Answers whose meaning is not known yet: the next embedding is theirs too.
    waiting: Vec<Answered>,
}

/// A question with its answer.
struct Answered {
    question: Question,
    kept: Kept,
    words: String,
}

/// What becomes of a prompt.
pub(super) enum Decision {
    /// A similar prompt had this answer.
    Answer(Completion),
    /// A node is asked; what it answers is learned, if there is a question.
    Ask(Option<Question>),
}

impl Store {
    pub(super) fn new(mut rules: Rules, embed: AnyEmbed) -> Self {
        // A call of a tool has effects; nobody wants that of another prompt.
        rules.cache = cache::Rules { tools: false, ..rules.cache };
        let state = State { random: rules.seed.map(SmallRng::seed_from_u64), ..State::default() };
        Self { rules, embed, hasher: ahash::RandomState::new(), state: Mutex::new(state) }
    }

    /// Reads what a prompt asks, if another answer may stand for its own.
    pub(super) fn asked(&self, prompt: &Prompt) -> Option<Asked> {
        if prompt.head.format == Format::Embeddings {
            return None;
        }
        let said = prompt.head.spans.said.clone();
        let (place, text) = wire::last_text(&prompt.body()[said.clone()])?;
        if text.trim().is_empty() || text.len() > self.rules.max_text_bytes {
            return None;
        }
        let gap = said.start + place.start..said.start + place.end;
        let scope = Key::around(prompt, &gap, &self.rules.cache, &self.hasher)?;
        Some(Asked { scope, text, fresh: prompt.head.caching == Caching::Refresh })
    }

    /// Embeds the prompt and decides. An embedder that fails or takes too long never costs an answer.
    pub(super) async fn decide(self: Arc<Self>, asked: Asked, deadline: Option<Instant>) -> Decision {
        let mut waiting = std::mem::take(&mut self.state.lock().waiting);
        let texts = waiting.iter().map(|answered| answered.words.as_str()).chain([asked.text.as_str()]);
        let patience = Instant::now() + self.rules.timeout;
        let patience = deadline.map_or(patience, |deadline| deadline.min(patience));
        let embedded = match Texts::new(texts) {
            Ok(texts) => timeout_at(patience, self.embed.clone().oneshot(texts)).await,
            Err(err) => Ok(Err(err)),
        };
        let mut embeddings = match embedded {
            Ok(Ok(embeddings)) if embeddings.len() == waiting.len() + 1 => embeddings,
            Ok(Err(err)) => {
                tracing::warn!(error = %err, "goes on without a look at similar prompts");
                return Decision::Ask(None);
            }
            _ => {
                tracing::warn!("goes on without a look at similar prompts, which took too long");
                return Decision::Ask(None);
            }
        };
        let Some(embedding) = embeddings.pop() else { return Decision::Ask(None) };
        let mut state = self.state.lock();
        for (answered, meaning) in waiting.drain(..).zip(embeddings) {
            self.learn(&mut state, answered, Some(meaning));
        }
        let nearest = self.nearest(&mut state, &asked, &embedding);
        match nearest {
            Nearest::Given(answer) => Decision::Answer(answer),
            Nearest::Asked(nearest) => {
                drop(state);
                let Asked { scope, text, .. } = asked;
                Decision::Ask(Some(Question { store: self, scope, text, embedding, nearest }))
            }
        }
    }

    /// Finds the nearest answer and draws whether it is given.
    fn nearest(&self, state: &mut State, asked: &Asked, embedding: &Embedding) -> Nearest {
        while let Some((since, ..)) = state.order.front()
            && since.elapsed() >= self.rules.cache.ttl
        {
            state.drop_oldest();
        }
        let draw = match &mut state.random {
            Some(random) => random.random::<f64>(),
            None => rand::rng().random(),
        };
        let Some((entry, similarity)) =
            state.shelves.get_mut(&asked.scope).and_then(|shelf| shelf.nearest(embedding))
        else {
            return Nearest::Asked(None);
        };
        if !asked.fresh && draw < entry.judge.hit_probability(similarity) {
            metrics::counter!("maily_similar_prompts", "answered" => "memory").increment(1);
            return Nearest::Given(entry.kept.again(CacheStatus::Similar));
        }
        metrics::counter!("maily_similar_prompts", "answered" => "node").increment(1);
        Nearest::Asked(Some((entry.id, similarity)))
    }

    /// Takes the answer of a node.
    pub(super) fn answered(&self, question: Question, head: &CompletionHead, chunks: &[Bytes]) {
        let Some((kept, answer)) = Kept::of(head, chunks.iter()) else { return };
        if !answer.tool_calls.is_empty() {
            return;
        }
        let answered = Answered { question, kept, words: words(&answer.text) };
        let mut state = self.state.lock();
        if self.rules.agree >= 1.0 {
            self.learn(&mut state, answered, None);
        } else if state.waiting.len() < MOST_WAITING && answered.words.len() <= Texts::MAX_BYTES {
            state.waiting.push(answered);
        }
    }

    /// Tells the judge of the nearest answer what the node said, and keeps what is new.
    fn learn(&self, state: &mut State, answered: Answered, meaning: Option<Embedding>) {
        let Answered { question, kept, words } = answered;
        let Question { scope, text, embedding, nearest, .. } = question;
        let said = Said { words, meaning };
        let shelf = state.shelves.get_mut(&scope);
        if let Some((id, similarity)) = nearest
            && let Some(entry) = shelf.and_then(|shelf| shelf.entry(id))
        {
            let right = self.agree(&entry.said, &said);
            entry.judge.learn(similarity, right);
            if right {
                return;
            }
            if entry.text == text {
                // The same prompt has another answer by now.
                state.remove(&scope, id);
            }
        }
        state.last += 1;
        let entry = Entry { id: state.last, text, kept, said, judge: Judge::new(self.rules.max_wrong) };
        self.keep(state, scope, embedding, entry);
    }

    fn agree(&self, left: &Said, right: &Said) -> bool {
        left.words == right.words
            || match (&left.meaning, &right.meaning) {
                (Some(of_left), Some(of_right)) => {
                    of_left.cosine(of_right) >= self.rules.agree && same_numbers(&left.words, &right.words)
                }
                _ => false,
            }
    }

    fn keep(&self, state: &mut State, scope: Key, embedding: Embedding, entry: Entry) {
        let bytes = (entry.bytes() + scope.len()) as u64;
        if bytes > self.rules.max_bytes / 8 || self.rules.max_entries == 0 {
            return;
        }
        while state.order.len() >= self.rules.max_entries || state.bytes + bytes > self.rules.max_bytes {
            state.drop_oldest();
        }
        state.bytes += bytes;
        state.order.push_back((entry.kept.since, scope.clone(), entry.id));
        state.shelves.entry(scope).or_insert_with(Shelf::new).insert(embedding, entry);
    }

    pub(super) const fn max_answer_bytes(&self) -> usize {
        self.rules.cache.max_answer_bytes
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, u64, usize) {
        let state = self.state.lock();
        (state.order.len(), state.bytes, state.shelves.len())
    }

    /// Returns how many answers were ever kept.
    #[cfg(test)]
    pub(super) fn named(&self) -> u64 {
        self.state.lock().last
    }
}

/// What was found near a prompt.
enum Nearest {
    Given(Completion),
    Asked(Option<(u64, f32)>),
}

impl State {
    fn drop_oldest(&mut self) {
        if let Some((_, scope, id)) = self.order.pop_front() {
            self.take(&scope, id);
        }
    }

    fn remove(&mut self, scope: &Key, id: u64) {
        self.order.retain(|(_, _, there)| *there != id);
        self.take(scope, id);
    }

    fn take(&mut self, scope: &Key, id: u64) {
        let Some(shelf) = self.shelves.get_mut(scope) else { return };
        if let Some(entry) = shelf.remove(id) {
            self.bytes -= (entry.bytes() + scope.len()) as u64;
        }
        if shelf.is_empty() {
            self.shelves.remove(scope);
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("answers", &self.state.lock().order.len()).finish_non_exhaustive()
    }
}

/// The most answers that wait for their meaning: they are embedded with the next prompt, which waits for them.
const MOST_WAITING: usize = 4;
