//! The history as a file: one story a line.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use super::story::Story;
use crate::error::SimError;

/// A file that stories are written to.
#[derive(Debug)]
pub struct History(BufWriter<File>);

impl History {
    /// An empty one.
    ///
    /// # Errors
    /// [`SimError::Usage`] when there can be none.
    pub fn create(path: &Path) -> Result<Self, SimError> {
        let file = File::create(path).map_err(|error| SimError::Usage(format!("{}: {error}", path.display())))?;
        Ok(Self(BufWriter::new(file)))
    }

    /// Adds stories.
    ///
    /// # Errors
    /// [`SimError::Usage`] when the disk does not take them.
    pub fn write(&mut self, stories: &[Story]) -> Result<(), SimError> {
        let mut write = || -> std::io::Result<()> {
            for story in stories {
                serde_json::to_writer(&mut self.0, story)?;
                self.0.write_all(b"\n")?;
            }
            self.0.flush()
        };
        write().map_err(|error| SimError::Usage(format!("the history cannot be written: {error}")))
    }
}
