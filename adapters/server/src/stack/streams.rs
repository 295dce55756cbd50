//! Where numbered streams are kept: in memory, or on the server that instances share.

use std::sync::Arc;

use maily_errors::{Code, Error, Public};
use maily_mesh::Mesh;
use maily_transcripts_store::StoreTranscripts;

use crate::config::Config;

/// Shares the streams of the mesh if the settings say so.
///
/// # Errors
///
/// [`Code::ConfigInvalid`] when they are shared over a server that is not set up.
pub(super) fn share(config: &Config, mesh: &Mesh) -> Result<(), Error> {
    if !config.mesh.replay.shared {
        return Ok(());
    }
    let settings = super::redis::settings(config).ok_or_else(|| {
        Error::new(Code::ConfigInvalid, "streams are shared, and `redis.url` does not say over which server")
            .with_operation("server::streams")
            .with_context("key", Public("mesh.replay.shared"))
    })?;
    mesh.share_streams(Arc::new(StoreTranscripts::new(settings.build()?)));
    Ok(())
}
