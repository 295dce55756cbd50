//! What one command cannot do atomically.

/// A Lua script and the SHA-1 under which a server knows it. A test on a real server checks the hashes.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) sha: &'static str,
    pub(crate) text: &'static str,
    /// Which of its arguments the transport replaces by the epoch of its connection.
    pub(crate) epoch: Option<usize>,
}

pub(super) const COMPARE_AND_SET: Script = Script {
    sha: "e3ea52c4a9ae83cf0a08ef7f9b31b22968e6fb89",
    text: include_str!("lua/compare_and_set.lua"),
    epoch: None,
};

pub(super) const INCREMENT: Script = Script {
    sha: "83d7abe51682107339a60fa2f528d4c3f1cd10f3",
    text: include_str!("lua/increment.lua"),
    epoch: None,
};

pub(super) const PERSIST: Script = Script {
    sha: "e73c714a4c111cb31e4df2f530200941dd7a4312",
    text: include_str!("lua/persist.lua"),
    epoch: None,
};
