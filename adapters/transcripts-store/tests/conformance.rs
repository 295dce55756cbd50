//! Transcripts in a store keep every rule of the `transcripts` port, in memory, in a file and on a real server.

use maily_redis::MemoryStore;
use maily_store_redb::RedbConfig;
use maily_transcripts_store::StoreTranscripts;

maily_mesh::conformance!(transcripts, StoreTranscripts::new(MemoryStore::default()));

mod in_a_file {
    use super::{RedbConfig, StoreTranscripts};

    maily_mesh::conformance!(transcripts, {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for the test");
        // Kept below `target`: the file is used until the test ends.
        let path = folder.keep().join("transcripts.redb");
        StoreTranscripts::new(RedbConfig::new(path).store().await.expect("the file is made"))
    });
}

mod on_a_server {
    use std::time::Duration;

    use bytes::Bytes;
    use futures_core::future::BoxFuture;
    use maily_errors::Result;
    use maily_mesh::{StreamId, Transcripts};
    use maily_store_redis::RedisConfig;
    use maily_store_redis::testing::Server;

    use super::StoreTranscripts;

    /// Transcripts on a server that runs as long as they are there.
    struct OnServer {
        transcripts: Box<dyn Transcripts>,
        _server: Server,
    }

    impl Transcripts for OnServer {
        fn write(
            &self,
            stream: StreamId,
            page: u32,
            content: Bytes,
            keep: Duration,
        ) -> BoxFuture<'static, Result<bool>> {
            self.transcripts.write(stream, page, content, keep)
        }

        fn read(&self, stream: StreamId, first: u32) -> BoxFuture<'static, Result<Vec<Bytes>>> {
            self.transcripts.read(stream, first)
        }
    }

    maily_mesh::conformance!(transcripts, {
        let Some(server) = Server::start() else { return };
        let mut config = RedisConfig::new(server.url());
        config.timeout_ms = 10_000;
        let transcripts = StoreTranscripts::new(config.build().expect("the settings are right"));
        OnServer { transcripts: Box::new(transcripts), _server: server }
    });
}
