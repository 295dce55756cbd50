//! A signed append-only log as ledger
