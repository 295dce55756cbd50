//! What one command cannot do atomically. Those that look into an entry begin with `lua/entry.lua`.

use crate::server::script::Script;

pub(super) const ACK: Script = Script {
    sha: "914e80471e9b3555a646bcd59867ad2503165af1",
    text: include_str!("lua/ack.lua"),
    epoch: None,
};

pub(super) const APPEND: Script = Script {
    sha: "94ef55b56f2cfbf3a05779d5d783c6104d865b13",
    text: concat!(include_str!("lua/entry.lua"), include_str!("lua/append.lua")),
    epoch: None,
};

pub(super) const CLAIM: Script = Script {
    sha: "f7a32fc293d77d95e1397cc1229b27f64f533bb1",
    text: concat!(include_str!("lua/entry.lua"), include_str!("lua/claim.lua")),
    epoch: None,
};

pub(super) const DEAD: Script = Script {
    sha: "b1e245313ba125d7536ba916a9cb0c478a8bccb9",
    text: include_str!("lua/dead.lua"),
    epoch: None,
};

pub(super) const EXTEND: Script = Script {
    sha: "1c53a6aa1e8757957081bd5188c125594d19f73f",
    text: include_str!("lua/extend.lua"),
    epoch: None,
};

pub(super) const FAIL: Script = Script {
    sha: "f2d589a63c4cbef83b45830193857d5d325592e4",
    text: concat!(include_str!("lua/entry.lua"), include_str!("lua/fail.lua")),
    epoch: None,
};

pub(super) const REQUEUE: Script = Script {
    sha: "cdfc43cf436869b9aeee92c42e39996e9b498cfe",
    text: concat!(include_str!("lua/entry.lua"), include_str!("lua/requeue.lua")),
    epoch: None,
};

pub(super) const STATS: Script = Script {
    sha: "456a95078735005e4a7f072d4c84261a5f4d9c9b",
    text: concat!(include_str!("lua/entry.lua"), include_str!("lua/stats.lua")),
    epoch: None,
};
