//! The data that crosses this crate: events, estimates, names.

mod estimate;
mod event;
mod name;

pub use self::estimate::{Estimate, ModelVersion, Rate, Scores};
pub use self::event::{Event, EventKey, EventKind, Stored};
pub use self::name::{CampaignId, CandidateName, EventId, MessageId, Recipient, Seq, SourceName};

#[cfg(test)]
mod tests;
