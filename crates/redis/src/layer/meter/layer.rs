use tower_layer::Layer;

use super::Meter;
use super::instruments::Instruments;
use crate::layer::Database;

/// Applies [`Meter`] to a transport.
///
/// Instruments come from the recorder that is installed when a command is first sent.
#[derive(Clone, Copy, Debug)]
pub struct MeterLayer {
    instruments: Instruments,
}

impl MeterLayer {
    /// Creates a layer for the transport to a database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { instruments: Instruments::new(database) }
    }
}

impl<S> Layer<S> for MeterLayer {
    type Service = Meter<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Meter::new(inner, self.instruments)
    }
}
