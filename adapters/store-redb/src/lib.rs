//! Canvas documents in one file
