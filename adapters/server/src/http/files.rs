//! How many files this process may have open: each connection is one.

/// Raises the limit to what the system allows at most; a stream through the mesh takes two of them. Returns the limit.
///
/// A limit that cannot be raised stays: connections over it wait until others end.
#[cfg(unix)]
#[must_use]
pub fn raise_file_limit() -> u64 {
    let raised = rlimit::increase_nofile_limit(u64::MAX);
    raised.unwrap_or_else(|err| {
        tracing::warn!(%err, "no more files may be open");
        rlimit::Resource::NOFILE.get().map_or(0, |(now, _)| now)
    })
}

/// Does nothing: this system has no such limit.
#[cfg(not(unix))]
#[must_use]
pub fn raise_file_limit() -> u64 {
    u64::MAX
}
