use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Histogram, Label, histogram};
use parking_lot::Mutex;

use crate::layer::database::{Database, Failure, OPERATIONS, Operation};

/// The instruments of each command on a database. Looking one up is one load; only failures build labels.
///
/// They are kept for as long as the program runs, once for each database, as the recorder keeps its own: a copy of a
/// pointer goes with every command, and two cores need not count it.
#[derive(Clone, Copy)]
pub(super) struct Instruments {
    shared: &'static Shared,
}

struct Shared {
    database: Database,
    by_operation: [OnceLock<Histogram>; OPERATIONS.len()],
}

impl Instruments {
    pub(super) fn new(database: Database) -> Self {
        static KNOWN: Mutex<Vec<&'static Shared>> = Mutex::new(Vec::new());
        let mut known = KNOWN.lock();
        let shared = known.iter().find(|shared| shared.database == database).copied().unwrap_or_else(|| {
            let by_operation = [const { OnceLock::new() }; OPERATIONS.len()];
            let shared: &'static Shared = Box::leak(Box::new(Shared { database, by_operation }));
            known.push(shared);
            shared
        });
        Self { shared }
    }

    #[inline]
    pub(super) fn succeeded(&self, operation: Operation, took: Duration) {
        self.shared.by_operation[operation.index()]
            .get_or_init(|| histogram!(NAME, self.labels(operation)))
            .record(took.as_secs_f64());
    }

    #[cold]
    pub(super) fn failed(&self, operation: Operation, took: Duration, failure: &Failure<'_>) {
        let mut labels = self.labels(operation);
        labels.push(Label::from_static_parts("error_type", failure.error));
        if let Some(status) = failure.status {
            labels.push(Label::new("db_response_status_code", status.to_owned()));
        }
        histogram!(NAME, labels).record(took.as_secs_f64());
    }

    fn labels(&self, operation: Operation) -> Vec<Label> {
        let database = &self.shared.database;
        vec![
            Label::from_static_parts("db_system_name", database.system()),
            Label::from_static_parts("db_operation_name", operation.name()),
            Label::from_static_parts("server_address", database.address()),
            Label::new("server_port", database.port().to_string()),
        ]
    }
}

impl std::fmt::Debug for Instruments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Instruments").field(&self.shared.database).finish()
    }
}

const NAME: &str = "db_client_operation_duration_seconds";
