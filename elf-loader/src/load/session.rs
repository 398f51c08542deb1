//! The kernel that a load asks, and the pins that it made there: they are gone again if it fails.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::kernel::Kernel;

/// A kernel during a load.
#[derive(Debug)]
pub(super) struct Session<K: Kernel> {
    pub(super) kernel: K,
    pub(super) pins: Pins,
    /// Whether what is pinned stays.
    keep: bool,
}

/// Paths at which a load pinned something.
#[derive(Debug, Default)]
pub(super) struct Pins(Mutex<Vec<PathBuf>>);

impl Pins {
    /// Notes one.
    pub(super) fn add(&self, path: PathBuf) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(path);
    }

    /// All of them, which are somebody else's now.
    pub(super) fn take(&self) -> Vec<PathBuf> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<K: Kernel> Session<K> {
    /// A load that begins.
    pub(super) fn new(kernel: K) -> Session<K> {
        Session { kernel, pins: Pins::default(), keep: false }
    }

    /// What is pinned stays: the load, or its first half, is done.
    pub(super) fn keep_pins(&mut self) {
        self.keep = true;
    }

    /// What is pinned goes unless the rest succeeds too.
    pub(super) fn give_back_pins(&mut self) {
        self.keep = false;
    }
}

impl<K: Kernel> Drop for Session<K> {
    fn drop(&mut self) {
        if !self.keep {
            let pins = self.pins.0.get_mut().unwrap_or_else(PoisonError::into_inner);
            pins.iter().for_each(|path| self.kernel.unpin(path));
        }
    }
}
