//! Routes prompts over language-model nodes
