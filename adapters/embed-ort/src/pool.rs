//! Threads that embed, each with its own session, off the runtime.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc as queue;
use std::thread;

use maily_errors::Result;
use maily_mesh::Embedding;
use parking_lot::Mutex;
use tokenizers::Tokenizer;
use tokio::sync::mpsc;

use crate::error;
use crate::model::Model;

/// A handle to the threads. They end when the last handle is gone.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    jobs: queue::Sender<Job>,
    waiting: Arc<AtomicUsize>,
    limit: usize,
}

/// One text of a call.
struct Job {
    text: String,
    index: usize,
    result: mpsc::UnboundedSender<Embedded>,
}

/// The vector of the text at an index.
pub(crate) type Embedded = (usize, Result<Embedding>);

impl Pool {
    /// Starts one thread for each model; at most `limit` texts wait for them.
    pub(crate) fn start(models: Vec<Model>, tokenizer: Tokenizer, limit: usize) -> Result<Self> {
        let (jobs, work) = queue::channel::<Job>();
        let work = Arc::new(Mutex::new(work));
        let tokenizer = Arc::new(tokenizer);
        let waiting = Arc::new(AtomicUsize::new(0));
        for (index, mut model) in models.into_iter().enumerate() {
            let (work, tokenizer, waiting) =
                (Arc::clone(&work), Arc::clone(&tokenizer), Arc::clone(&waiting));
            thread::Builder::new()
                .name(format!("maily-embed-ort-{index}"))
                .spawn(move || {
                    loop {
                        // One thread waits for a text, the others for the one that waits.
                        let next = work.lock().recv();
                        let Ok(job) = next else { return };
                        waiting.fetch_sub(1, Ordering::Relaxed);
                        job.run(&mut model, &tokenizer);
                    }
                })
                .map_err(error::failed)?;
        }
        Ok(Self { jobs, waiting, limit })
    }

    /// Puts all texts into the queue, or none; their vectors come in any order.
    pub(crate) fn submit(&self, texts: Vec<String>) -> Result<mpsc::UnboundedReceiver<Embedded>> {
        let count = texts.len();
        let room = |waiting: usize| waiting.checked_add(count).filter(|sum| *sum <= self.limit);
        if self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_err() {
            return Err(error::busy(self.limit));
        }
        let (result, vectors) = mpsc::unbounded_channel();
        for (index, text) in texts.into_iter().enumerate() {
            self.jobs.send(Job { text, index, result: result.clone() }).map_err(|_| error::stopped())?;
        }
        Ok(vectors)
    }
}

impl Job {
    fn run(self, model: &mut Model, tokenizer: &Tokenizer) {
        let Self { text, index, result } = self;
        if result.is_closed() {
            return;
        }
        // A defect in one text must not take the thread away from the next.
        let embedding = catch_unwind(AssertUnwindSafe(|| model.embed(tokenizer, &text)))
            .unwrap_or_else(|_| Err(error::failed("the embedder panicked")));
        // Nobody needs to know who has gone.
        drop(result.send((index, embedding)));
    }
}
