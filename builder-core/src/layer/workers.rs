//! Threads that compress blocks.

use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::codec::{Block, Codec, Worker};

/// A block on its way, and where it goes once it is compressed.
type Task = (Block, SyncSender<io::Result<Block>>);

/// A block that a thread owes.
pub(super) struct Owed(Receiver<io::Result<Block>>);

impl Owed {
    /// Waits until it is compressed.
    pub(super) fn wait(self) -> io::Result<Block> {
        self.0.recv().map_err(|_| gone())?
    }
}

/// As many threads as the machine has cores, or as there is memory for.
pub(super) struct Workers {
    tasks: Option<Sender<Task>>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Without a sender the threads come to an end once they have done what is queued.
        self.tasks = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Workers {
    pub(super) fn start(codec: Codec) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (tasks, queue) = channel::<Task>();
        let queue = Arc::new(Mutex::new(queue));
        let threads = (0..codec.threads(cores)).map(|_| {
            let queue = Arc::clone(&queue);
            let worker = codec.worker()?;
            std::thread::Builder::new().name("compress".to_owned()).spawn(move || work(&queue, worker))
        });
        let threads = threads.collect::<io::Result<Vec<_>>>()?;
        Ok(Self { tasks: Some(tasks), threads })
    }

    /// How many blocks keep all threads busy while one is made and one is written.
    pub(super) fn blocks(&self) -> usize {
        self.threads.len() + 2
    }

    pub(super) fn submit(&self, block: Block) -> io::Result<Owed> {
        let (sender, owed) = sync_channel(1);
        let tasks = self.tasks.as_ref().ok_or_else(gone)?;
        tasks.send((block, sender)).map_err(|_| gone())?;
        Ok(Owed(owed))
    }
}

fn gone() -> io::Error {
    io::Error::other("a thread that compresses has ended")
}

fn work(queue: &Mutex<Receiver<Task>>, mut worker: Worker) {
    loop {
        let task = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((mut block, owed)) = task else { return };
        let compressed = worker.compress(&mut block).map(|()| block);
        // Nobody waits any more when the writer was dropped: nothing to tell then.
        let _ = owed.send(compressed);
    }
}
