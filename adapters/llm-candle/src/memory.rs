//! What the network remembers of one conversation.

use crate::vector::{LANES, Lanes};

/// The tokens of one conversation, and for each of them a key and a value in each head of each layer.
///
/// Grows with what is read, up to the next power of two: 46 KB a token for SmolLM2-135M.
#[derive(Debug)]
pub(crate) struct Memory {
    tokens: Vec<u32>,
    heads: Vec<Head>,
    width: usize,
}

/// The keys and values of one head.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    /// For each 32 tokens and each component: that component of their 32 keys. So the scores of 32 tokens
    /// are sums that stand side by side.
    pub(crate) keys: Vec<Lanes>,
    /// For each token: its value, in pieces of 32.
    pub(crate) values: Vec<Lanes>,
}

impl Memory {
    /// Creates an empty memory of so many heads, each with keys of `width` numbers, whole lanes of them.
    pub(crate) fn new(heads: usize, width: usize) -> Self {
        Self { tokens: Vec::new(), heads: vec![Head::default(); heads], width }
    }

    /// Tokens that are remembered.
    pub(crate) const fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(crate) fn head(&self, index: usize) -> &Head {
        &self.heads[index]
    }

    /// Returns how many tokens at the begin of `prompt` are remembered.
    pub(crate) fn shared(&self, prompt: &[u32]) -> usize {
        self.tokens.iter().zip(prompt).take_while(|(known, token)| known == token).count()
    }

    /// Forgets all tokens after the first `length`.
    pub(crate) fn truncate(&mut self, length: usize) {
        let length = length.min(self.len());
        self.tokens.truncate(length);
        for head in &mut self.heads {
            head.keys.truncate(length.div_ceil(LANES) * self.width);
            head.values.truncate(length * self.width / LANES);
        }
    }

    /// Becomes a copy of the first `length` tokens of another memory of the same shape.
    pub(crate) fn copy(&mut self, other: &Self, length: usize) {
        self.truncate(0);
        self.tokens.extend_from_slice(&other.tokens[..length]);
        for (head, other) in self.heads.iter_mut().zip(&other.heads) {
            head.keys.extend_from_slice(&other.keys[..length.div_ceil(LANES) * self.width]);
            head.values.extend_from_slice(&other.values[..length * self.width / LANES]);
        }
    }

    /// Writes the key and the value of the token at `position` into one head.
    ///
    /// Tokens come in their order; [`learn`](Self::learn) tells which they were, once all heads have them.
    pub(crate) fn write(&mut self, head: usize, position: usize, key: &[f32], value: &[f32]) {
        let head = &mut self.heads[head];
        let group = position / LANES * self.width;
        if head.keys.len() == group {
            head.keys.resize(group + self.width, [0.0; LANES]);
        }
        for (lanes, component) in head.keys[group..].iter_mut().zip(key) {
            lanes[position % LANES] = *component;
        }
        head.values.extend_from_slice(value.as_chunks().0);
    }

    /// Takes the tokens whose keys and values were written.
    pub(crate) fn learn(&mut self, tokens: &[u32]) {
        self.tokens.extend_from_slice(tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;
    use crate::vector::LANES;

    /// A memory of one head that has read `tokens`, each with a key and a value of its own.
    fn memory(tokens: &[u32]) -> Memory {
        let mut memory = Memory::new(1, LANES);
        read(&mut memory, tokens);
        memory
    }

    fn read(memory: &mut Memory, tokens: &[u32]) {
        for (position, token) in (memory.len()..).zip(tokens) {
            let (key, value) = ([*token as f32; LANES], [-(*token as f32); LANES]);
            memory.write(0, position, &key, &value);
        }
        memory.learn(tokens);
    }

    #[test]
    fn memory_that_was_cut_back_reads_on_as_if_it_had_read_nothing_else() {
        let tokens: Vec<u32> = (1..100).collect();
        for length in [0, 1, LANES - 1, LANES, LANES + 1, 98] {
            let mut cut = memory(&tokens);
            cut.truncate(length);
            read(&mut cut, &tokens[length..]);

            let whole = memory(&tokens);
            assert_eq!(cut.head(0).keys, whole.head(0).keys, "{length}");
            assert_eq!(cut.head(0).values, whole.head(0).values, "{length}");
        }
    }

    #[test]
    fn copy_is_what_the_other_knows_of_the_begin() {
        let other = memory(&[1, 2, 3, 4]);
        let mut copy = memory(&[9; 70]);

        copy.copy(&other, 3);

        assert_eq!((copy.len(), copy.shared(&[1, 2, 3, 4])), (3, 3));
        assert_eq!(copy.head(0).values, memory(&[1, 2, 3]).head(0).values);
    }

    #[test]
    fn shared_tokens_end_at_the_first_difference() {
        let memory = memory(&[1, 2, 3]);

        assert_eq!(memory.shared(&[1, 2, 4, 3]), 2);
        assert_eq!(memory.shared(&[2]), 0);
        assert_eq!(memory.shared(&[1, 2, 3, 4]), 3);
    }
}
