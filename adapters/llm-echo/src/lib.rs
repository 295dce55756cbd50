//! A model that answers with its prompt: the smallest adapter
