//! Limits on a server: one string per name, changed by one script.

use bytes::Bytes;
use maily_errors::Result;

use super::quota::{Quota, Span, Verdict};
use crate::model::{Key, Reply};
use crate::port::{Limits, Transport};
use crate::server::{Script, ServerStore, reply};

impl<T: Transport> Limits for ServerStore<T> {
    async fn take(&self, name: &Key, quota: Quota, cost: u32) -> Result<Verdict> {
        let operation = "redis::limit";
        quota.check()?;
        let (cost, burst) = (quota.span(cost), quota.span(quota.burst()));
        let arguments = [u64::from(quota.count()), cost.whole, cost.rest, burst.whole, burst.rest]
            .map(|number| Bytes::from(number.to_string()));
        let reply = self.script(operation, &TAKE, &[self.key_in("limit:", name)?], &arguments).await?;
        verdict(&reply).ok_or_else(|| reply::unexpected(operation, &reply))
    }
}

fn verdict(reply: &Reply) -> Option<Verdict> {
    let Reply::List(parts) = reply else { return None };
    let [Reply::Integer(allowed), Reply::Integer(whole), Reply::Integer(rest)] = parts.as_slice() else {
        return None;
    };
    let backlog = Span { whole: u64::try_from(*whole).ok()?, rest: u64::try_from(*rest).ok()? };
    Some(Verdict { allowed: *allowed == 1, backlog })
}

const TAKE: Script = Script {
    sha: "287ac2af38b13642a29017e9103e3a509735d17c",
    text: include_str!("lua/take.lua"),
    epoch: None,
};
