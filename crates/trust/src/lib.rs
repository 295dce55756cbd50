//! Proves what was sent and by whom
