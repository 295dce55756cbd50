//! The campaign journey: what the whole product is for, once, on real input.
//!
//! It is a client: everything goes through the sockets of a running server, as it would from another machine.

mod chain;
mod client;
mod draft;
mod draw;
mod editor;
mod export;
mod live;
mod message;
mod prove;
mod score;
mod stage;

use std::net::SocketAddr;
use std::path::Path;

use maily_errors::Error;

use self::client::Client;
pub use self::live::{Live, State, Step, Update};
use self::stage::Stage;
use crate::config::Config;
use crate::terminal::say;

/// Runs the journey against the server at `address`, and writes the messages that it makes into `out`.
///
/// # Errors
///
/// The first error of a stage. What the stages before it made is kept.
pub async fn run(config: &Config, address: SocketAddr, live: &Live, out: &Path) -> Result<(), Error> {
    let begun = std::time::Instant::now();
    let client = Client::new(address, config.server.keys.first().map(|key| key.secret.clone()));

    let title = "Two people edit one canvas";
    let editors =
        Stage::run(live, Step::Canvas, title, async |stage| draw::run(stage, &client).await).await?;

    let title = "The mesh drafts into it, with memory";
    let draft =
        Stage::run(live, Step::Mesh, title, async |stage| draft::run(stage, &client, &editors).await).await?;

    let title = "Analytics scores three subject lines";
    let subject =
        Stage::run(live, Step::Analytics, title, async |stage| score::run(stage, &client, &draft).await)
            .await?;

    let title = "The canvas becomes an e-mail";
    let message = Stage::run(live, Step::Export, title, async |stage| {
        export::run(stage, &client, &draft, &subject, out).await
    })
    .await?;

    let title = "Trust certifies and anchors it";
    let certified = Stage::run(live, Step::Trust, title, async |stage| {
        prove::certify(stage, &client, &message, out).await
    })
    .await?;

    let title = "A reader verifies it, and three altered copies";
    Stage::run(live, Step::Verify, title, async |stage| prove::verify(stage, &client, &certified, out).await)
        .await?;

    say(format!(
        "\nThe journey took {:.1} s. Its messages lie in {}",
        begun.elapsed().as_secs_f64(),
        out.display()
    ));
    Ok(())
}
