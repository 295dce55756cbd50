//! The memories of places that nobody has.

use std::cmp::Reverse;

use crate::memory::Memory;

/// Memories to take, the longest unused one first.
#[derive(Debug)]
pub(crate) struct Shelf {
    memories: Vec<Memory>,
}

impl Shelf {
    pub(crate) const fn new(memories: Vec<Memory>) -> Self {
        Self { memories }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.memories.is_empty()
    }

    pub(crate) fn put(&mut self, memory: Memory) {
        self.memories.push(memory);
    }

    /// Takes a memory that holds the longest known begin of a prompt and nothing else; `None` if all are taken.
    ///
    /// What one that is `taken` knows is copied, and so is what one on the shelf knows if it would lose more
    /// than it gives: a short prompt with the same first words must not cost a long one its notes. A copy of
    /// 1000 tokens takes some 10 milliseconds; to read them takes a second.
    pub(crate) fn take<'a>(
        &mut self,
        begin: &[u32],
        taken: impl Iterator<Item = &'a Memory>,
    ) -> Option<Memory> {
        let here = self.memories.iter().enumerate();
        let (shared, Reverse(index)) =
            here.map(|(index, memory)| (memory.shared(begin), Reverse(index))).max()?;
        let other = taken.max_by_key(|memory| memory.shared(begin));
        if let Some(other) = other.filter(|other| other.shared(begin) > shared) {
            let mut memory = self.memories.remove(0);
            memory.copy(other, other.shared(begin));
            return Some(memory);
        }
        if index > 0 && shared * 2 < self.memories[index].len() {
            let mut memory = self.memories.remove(0);
            memory.copy(&self.memories[index - 1], shared);
            return Some(memory);
        }
        let mut memory = self.memories.remove(index);
        memory.truncate(shared);
        Some(memory)
    }
}

#[cfg(test)]
mod tests {
    use super::Shelf;
    use crate::memory::Memory;

    fn memory(tokens: &[u32]) -> Memory {
        let mut memory = Memory::new(0, 32);
        memory.learn(tokens);
        memory
    }

    fn take(shelf: &mut Shelf, prompt: &[u32], taken: &[Memory]) -> usize {
        shelf.take(prompt, taken.iter()).unwrap().len()
    }

    #[test]
    fn prompt_gets_the_memory_that_knows_most_of_it() {
        let mut shelf = Shelf::new(vec![memory(&[]), memory(&[1, 2]), memory(&[1, 2, 3, 9])]);

        assert_eq!(take(&mut shelf, &[1, 2, 3, 4], &[]), 3);
        assert_eq!(take(&mut shelf, &[1, 2, 3, 4], &[]), 2);
        assert_eq!(take(&mut shelf, &[1, 2, 3, 4], &[]), 0);
        assert!(shelf.take(&[1], [].iter()).is_none());
    }

    #[test]
    fn longest_unused_memory_goes_to_a_prompt_that_nobody_knows() {
        let mut shelf = Shelf::new(vec![memory(&[1, 2]), memory(&[3, 4])]);

        assert_eq!(take(&mut shelf, &[5], &[]), 0);

        assert_eq!(take(&mut shelf, &[3, 4, 5], &[]), 2);
    }

    #[test]
    fn short_prompt_does_not_cost_a_long_one_its_notes() {
        let notes: Vec<u32> = (0..100).collect();
        let mut shelf = Shelf::new(vec![memory(&[]), memory(&notes)]);

        assert_eq!(take(&mut shelf, &[0, 1, 2, 200], &[]), 3);

        assert_eq!(take(&mut shelf, &notes, &[]), 100);
    }

    #[test]
    fn memory_that_is_taken_is_copied() {
        let mut shelf = Shelf::new(vec![memory(&[7]), memory(&[1])]);
        let taken = [memory(&[1, 2, 3, 4]), memory(&[8])];

        assert_eq!(take(&mut shelf, &[1, 2, 3, 9], &taken), 3);

        assert_eq!(take(&mut shelf, &[1], &[]), 1);
    }
}
