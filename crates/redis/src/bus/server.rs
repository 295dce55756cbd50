//! The bus of a server: sharded publish and subscribe.

use std::sync::Arc;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use tokio::time::timeout;

use super::inbox::Inbox;
use super::model::{self, Channel};
use super::subscription::Subscription;
use crate::model::{Event, Key, Reply};
use crate::port::{Bus, Listen, Listener, Transport};
use crate::server::{ServerStore, reply};

const SUBSCRIBE: &str = "redis::subscribe";

impl<T: Transport + Listen> Bus for ServerStore<T> {
    async fn publish(&self, channel: &Channel, message: Bytes) -> Result<()> {
        model::message(&message)?;
        let arguments = vec![Bytes::from_static(b"SPUBLISH"), self.channel(channel)?, message];
        self.command("redis::publish", arguments).await.map(drop)
    }

    async fn subscribe(&self, channel: &Channel, buffer: usize) -> Result<Subscription> {
        let inbox = Arc::new(Inbox::new(model::buffer(buffer)?));
        let listener: Listener = {
            let inbox = Arc::clone(&inbox);
            Arc::new(move |event| match event {
                Event::Listening => inbox.listening(),
                Event::Lost => inbox.lost(),
                Event::Message { payload, .. } => inbox.message(payload),
                Event::Refused { code, message } => {
                    if let Err(err) = reply::accepted(SUBSCRIBE, Reply::refused(&code, &message)) {
                        inbox.refused(err);
                    }
                }
                Event::Changed(_) => {}
            })
        };
        let guard = self.transport().subscribe(self.channel(channel)?, listener);
        timeout(self.timeout(), inbox.listened()).await.map_err(|_| {
            Error::new(Code::RedisUnreachable, "the channel could not be subscribed in time")
                .with_operation(SUBSCRIBE)
        })??;
        Ok(Subscription::new(inbox, guard))
    }
}

impl<T: Transport> ServerStore<T> {
    fn channel(&self, channel: &Channel) -> Result<Bytes> {
        self.key(&Key::new(channel.as_bytes().clone())?)
    }
}
