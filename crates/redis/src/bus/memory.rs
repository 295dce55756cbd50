//! The bus inside of this process.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use maily_errors::Result;
use parking_lot::Mutex;

use super::inbox::Inbox;
use super::model::{self, Channel};
use super::subscription::Subscription;
use crate::memory::MemoryStore;
use crate::port::Bus;

/// Who listens to which channel of a store.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    by_name: Arc<Mutex<HashMap<Channel, Vec<Arc<Inbox>>>>>,
}

/// Takes an inbox off its channel when dropped.
struct Guard {
    channels: Weak<Mutex<HashMap<Channel, Vec<Arc<Inbox>>>>>,
    channel: Channel,
    inbox: Arc<Inbox>,
}

#[cfg(test)]
impl Channels {
    pub(super) fn len(&self) -> usize {
        self.by_name.lock().len()
    }
}

impl Bus for MemoryStore {
    async fn publish(&self, channel: &Channel, message: Bytes) -> Result<()> {
        model::message(&message)?;
        // Under the lock, so that all readers hear one order.
        for inbox in self.parts().channels.by_name.lock().get(channel).into_iter().flatten() {
            inbox.message(message.clone());
        }
        Ok(())
    }

    async fn subscribe(&self, channel: &Channel, buffer: usize) -> Result<Subscription> {
        let inbox = Arc::new(Inbox::new(model::buffer(buffer)?));
        inbox.listening();
        let channels = &self.parts().channels.by_name;
        channels.lock().entry(channel.clone()).or_default().push(Arc::clone(&inbox));
        let guard =
            Guard { channels: Arc::downgrade(channels), channel: channel.clone(), inbox: Arc::clone(&inbox) };
        Ok(Subscription::new(inbox, guard))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(channels) = self.channels.upgrade() else { return };
        let mut channels = channels.lock();
        if let Some(inboxes) = channels.get_mut(&self.channel) {
            inboxes.retain(|inbox| !Arc::ptr_eq(inbox, &self.inbox));
            if inboxes.is_empty() {
                channels.remove(&self.channel);
            }
        }
    }
}
