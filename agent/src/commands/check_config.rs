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
    let home = config.home.as_ref().map(|home| (&home.password, &home.username));
    let mut password = String::new();
    for login in [Some((&config.feed.password, &config.feed.username)), home].into_iter().flatten()
    {
        if let (Some(_), Some(user)) = login {
            password.push_str(&format!("\n# password of {user}: *** (from password_file)"));
        }
    }
    let webhook = match &config.notify.webhook {
        Some(url) => format!("\n# webhook at {}: ***", url.host_str().unwrap_or_default()),
        None => String::new(),
    };
    Ok(format!(
        "# Settings {from}, and of the environment. No mistakes.{password}{webhook}\n{}",
        toml::to_string(&file.effective(config))?
    ))
}
