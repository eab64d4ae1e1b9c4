//! Where the settings go, and who may read them.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The folder of services' settings.
const FOLDER: &str = "/etc/ny-power";

/// The user and group of `systemd/ny-power-agent.service`.
pub const SERVICE: &str = "ny-power";

/// The unit that reads the settings at `path`, and its state directory, where systemd starts the agent.
pub fn unit(path: &Path) -> Option<(String, PathBuf)> {
    if path.parent() != Some(Path::new(FOLDER)) || path.extension()? != "toml" {
        return None;
    }
    let state = Path::new("/var/lib");
    Some(match path.file_stem()?.to_str()? {
        "agent" => ("ny-power-agent".to_owned(), state.join("ny-power-agent")),
        name => (format!("ny-power-agent@{name}"), state.join(format!("ny-power-agent-{name}"))),
    })
}

/// Whether a file can be made there. Nothing is left behind.
///
/// # Errors
/// Why not, and what to do.
pub fn try_place(path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // The nearest that is there: the rest will be made.
    let there = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let probe = there.join(format!(".ny-power-agent-{}", std::process::id()));
    let made = File::options().write(true).create_new(true).mode(0o600).open(&probe);
    made.and_then(|_| fs::remove_file(&probe)).with_context(|| {
        format!(
            "cannot write {}: run it with sudo, or name a file of yours with --config FILE",
            path.display()
        )
    })
}

/// Writes a file as a whole or not at all, for its owner alone; in the folder of services also for their
/// group, where there is one. Gives the mode.
///
/// # Errors
/// What failed, with the file.
pub fn write(path: &Path, text: &str) -> anyhow::Result<u32> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder
        && !folder.is_dir()
    {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // Whatever root's umask is, the service has to find its file.
        if folder == Path::new(FOLDER) {
            fs::set_permissions(folder, Permissions::from_mode(0o755))
                .with_context(|| format!("cannot open {} to its reader", folder.display()))?;
        }
    }
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().context("the settings file has no name")?);
    name.push(format!(".{}", std::process::id()));
    let new = path.with_file_name(name);
    let outcome = write_new(&new, text, group_for(path)).and_then(|mode| {
        fs::rename(&new, path)?;
        // So that the name is on the disk, too. Some file systems cannot, and then it is theirs to care.
        if let Some(folder) = folder {
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(mode)
    });
    if outcome.is_err() {
        let _ = fs::remove_file(&new);
    }
    outcome.with_context(|| format!("cannot write {}", path.display()))
}

fn write_new(new: &Path, text: &str, group: Option<u32>) -> io::Result<u32> {
    // One that a killed setup left.
    let _ = fs::remove_file(new);
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(new)?;
    file.write_all(text.as_bytes())?;
    let mode = match group {
        Some(group) => {
            chown(new, None, Some(group))?;
            0o640
        }
        None => 0o600,
    };
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()?;
    Ok(mode)
}

/// The services' group, for what root writes into their folder.
fn group_for(path: &Path) -> Option<u32> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|us| us.uid() == 0);
    (is_root && path.starts_with(FOLDER)).then(service_group).flatten()
}

/// The id of the services' group, if there is one.
pub fn service_group() -> Option<u32> {
    group_id(&fs::read_to_string("/etc/group").ok()?, SERVICE)
}

fn group_id(groups: &str, name: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
    })
}

/// A secret before it has a file: one without a name, which nobody else opens and nothing leaves behind.
#[derive(Debug)]
pub struct Unnamed {
    _file: File,
    /// Where this process finds it.
    pub path: PathBuf,
}

impl Unnamed {
    /// Holds `text`.
    ///
    /// # Errors
    /// When there is no place for it.
    pub fn new(text: &str) -> io::Result<Self> {
        use std::os::fd::AsRawFd as _;
        let name = format!("ny-power-agent-{:016x}", rand::random::<u64>());
        let named = std::env::temp_dir().join(name);
        let mut file =
            File::options().read(true).write(true).create_new(true).mode(0o600).open(&named)?;
        fs::remove_file(&named)?;
        file.write_all(text.as_bytes())?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        Ok(Self { _file: file, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_a_service_have_a_unit() {
        #[track_caller]
        fn check(path: &str, expected: Option<(&str, &str)>) {
            let expected = expected.map(|(unit, state)| (unit.to_owned(), PathBuf::from(state)));
            assert_eq!(unit(Path::new(path)), expected, "{path}");
        }
        check("/etc/ny-power/agent.toml", Some(("ny-power-agent", "/var/lib/ny-power-agent")));
        check(
            "/etc/ny-power/garage.toml",
            Some(("ny-power-agent@garage", "/var/lib/ny-power-agent-garage")),
        );
        check("/etc/ny-power/agent.conf", None);
        check("/home/ada/agent.toml", None);
        check("agent.toml", None);
    }

    #[test]
    fn a_file_is_written_whole_and_for_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/agent.toml");
        try_place(&path).unwrap();
        assert!(!dir.path().join("new").exists(), "trying leaves nothing");
        for text in ["one", "two"] {
            assert_eq!(write(&path, text).unwrap(), 0o600);
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(names.len(), 1, "{names:?}");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let error = format!("{:#}", write(&path.join("below"), "x").unwrap_err());
        assert!(error.starts_with("cannot make "), "{error}");
    }

    #[test]
    fn the_group_is_found_by_its_name() {
        let groups = "root:x:0:\ngpio:x:997:pi,ny-power\nny-power:x:995:\n";
        assert_eq!(group_id(groups, "ny-power"), Some(995));
        assert_eq!(group_id(groups, "power"), None);
        assert_eq!(group_id("ny-power:x", "ny-power"), None);
    }

    #[test]
    fn a_secret_without_a_name_can_be_read_again_and_again() {
        let secret = Unnamed::new("hunter2\n").unwrap();
        for _ in 0..2 {
            assert_eq!(fs::read_to_string(&secret.path).unwrap(), "hunter2\n");
        }
    }
}
