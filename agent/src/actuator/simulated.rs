//! A relay that is a word in a file: for a desk without a charger, for tests, for demos. Like a real one it
//! stays where it is when the agent dies, and a hand can move it: write the other word into the file.

use std::path::{Path, PathBuf};

use domain::control::Contactor;

use super::{Actuator, ActuatorError};

/// A relay that moves nothing.
#[derive(Debug)]
pub struct Simulated {
    path: PathBuf,
}

impl Simulated {
    /// The relay in the file at `path`. A file that is not there yet is an open relay.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    fn read(&self) -> Result<Contactor, ActuatorError> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Contactor::Open);
            }
            Err(source) => return Err(self.error("read", source)),
        };
        Contactor::from_word(text.trim()).ok_or_else(|| ActuatorError::NoPosition {
            from: self.path.display().to_string(),
            text: text.chars().take(40).collect(),
        })
    }

    /// By renaming, so that no reader ever sees half a word.
    fn write(&self, to: Contactor) -> Result<(), ActuatorError> {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let new = self.path.with_file_name(name);
        std::fs::write(&new, format!("{to}\n"))
            .and_then(|()| std::fs::rename(&new, &self.path))
            .map_err(|source| self.error("written", source))
    }

    fn error(&self, done: &'static str, source: std::io::Error) -> ActuatorError {
        ActuatorError::File { path: self.path.clone(), done, source }
    }
}

impl Actuator for Simulated {
    fn name(&self) -> String {
        format!("simulated relay {}", self.path.display())
    }

    async fn set(&mut self, to: Contactor) -> Result<(), ActuatorError> {
        self.write(to)
    }

    async fn position(&mut self) -> Result<Contactor, ActuatorError> {
        self.read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn starts_open_and_stays_where_it_was_moved() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relay");
        let mut relay = Simulated::new(&path);
        assert_eq!(relay.position().await.unwrap(), Contactor::Open);
        relay.set(Contactor::Closed).await.unwrap();
        assert_eq!(Simulated::new(&path).position().await.unwrap(), Contactor::Closed);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "closed\n");
    }

    #[tokio::test]
    async fn a_hand_moves_it_and_nonsense_is_no_position() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relay");
        let mut relay = Simulated::new(&path);
        std::fs::write(&path, "closed").unwrap();
        assert_eq!(relay.position().await.unwrap(), Contactor::Closed);
        std::fs::write(&path, "ajar").unwrap();
        let error = relay.position().await.unwrap_err().to_string();
        assert!(error.contains("\"ajar\", which is neither open nor closed"), "{error}");
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_written_is_an_error() {
        let mut relay = Simulated::new(Path::new("/nonexistent/relay"));
        let error = relay.set(Contactor::Closed).await.unwrap_err();
        assert_eq!(error.to_string(), "\"/nonexistent/relay\" cannot be written");
    }
}
