//! Any EVM chain as ledger
