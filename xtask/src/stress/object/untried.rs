//! In the place of `exercise` where the build has nothing that could be tried: see the feature `stress`.

use crate::error::Result;

pub(super) struct Exercise;

impl Exercise {
    pub(super) fn new(_: Vec<u8>) -> Result<Exercise> {
        Err("this build has no objects to try: it lacks the feature `stress`".into())
    }

    pub(super) fn run(&self, _: &[u8]) -> usize {
        0
    }
}
