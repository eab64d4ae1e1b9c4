//! `check-config`: what the settings come to.

use std::path::Path;

use crate::config::{Config, File};

/// Prints the effective settings as TOML that could be used as it is.
pub fn print(path: Option<&Path>, file: &File, config: &Config) -> anyhow::Result<()> {
    super::ask::print(&page(path, file, config)?)
}

fn page(path: Option<&Path>, file: &File, config: &Config) -> anyhow::Result<String> {
    let from = match path {
        Some(path) => format!("of {}", path.display()),
        None => "without a file, all defaults".to_owned(),
    };
    let password = match (&config.feed.password, &config.feed.username) {
        (Some(_), Some(user)) => format!("\n# password of {user}: *** (from password_file)"),
        _ => String::new(),
    };
    Ok(format!(
        "# Settings {from}, and of the environment. No mistakes.{password}\n{}",
        toml::to_string(&file.effective(config))?
    ))
}
