//! Who may do what: users and groups of this machine.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Who we are.
pub fn our_id() -> Option<u32> {
    fs::metadata("/proc/self").ok().map(|us| us.uid())
}

/// The name of a user, else its number.
pub fn user_name(id: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(&users, id).unwrap_or_else(|| id.to_string())
}

/// The id of a user, if there is one of this name.
pub fn user_id(name: &str) -> Option<u32> {
    field(&fs::read_to_string("/etc/passwd").ok()?, name, 2)?.parse().ok()
}

/// The group of a file, and who is in it.
pub fn group_of(path: &Path) -> Option<(String, Vec<String>)> {
    let id = fs::metadata(path).ok()?.gid();
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let name = name_of(&groups, id)?;
    let members = members(&groups, &name);
    Some((name, members))
}

/// Whether a user who is not root may read a file, by its mode and the groups of this machine; the way to it is
/// not looked at.
pub fn may_read(path: &Path, user: &str) -> Option<bool> {
    let file = fs::metadata(path).ok()?;
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let id: u32 = field(&users, user, 2)?.parse().ok()?;
    let main: Option<u32> = field(&users, user, 3).and_then(|group| group.parse().ok());
    let in_group = main == Some(file.gid())
        || name_of(&groups, file.gid())
            .is_some_and(|group| members(&groups, &group).iter().any(|member| member == user));
    let bits = file.mode();
    Some(if id == file.uid() {
        bits & 0o400 != 0
    } else if in_group {
        bits & 0o040 != 0
    } else {
        bits & 0o004 != 0
    })
}

fn field<'a>(text: &'a str, name: &str, nth: usize) -> Option<&'a str> {
    text.lines()
        .map(|line| line.split(':'))
        .find_map(|mut fields| (fields.next() == Some(name)).then(|| fields.nth(nth - 1)).flatten())
}

fn name_of(text: &str, id: u32) -> Option<String> {
    text.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        (fields.get(2)?.parse() == Ok(id)).then(|| fields[0].to_owned())
    })
}

fn members(groups: &str, name: &str) -> Vec<String> {
    let members = field(groups, name, 3).unwrap_or_default();
    members.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_their_members_are_read() {
        let groups = "root:x:0:\ngpio:x:997:pi,ny-power\nbad\nny-power:x:995:\n";
        assert_eq!(members(groups, "gpio"), ["pi", "ny-power"]);
        assert_eq!(members(groups, "ny-power"), [""; 0]);
        assert_eq!(members(groups, "none"), [""; 0]);
        assert_eq!(name_of(groups, 995).as_deref(), Some("ny-power"));
        assert_eq!(name_of(groups, 1), None);
        assert_eq!(field("ny-power:x:995:994::/:/bin/false", "ny-power", 3), Some("994"));
    }

    #[test]
    fn a_file_for_all_and_one_for_its_owner() {
        use std::os::unix::fs::PermissionsExt as _;
        let file = tempfile::NamedTempFile::new().unwrap();
        // A user that every machine has, and that owns no files.
        for (mode, expected) in [(0o644, Some(true)), (0o600, Some(false))] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            if user_id("nobody").is_some() {
                assert_eq!(may_read(file.path(), "nobody"), expected);
            }
        }
        assert_eq!(may_read(Path::new("/no/such"), "nobody"), None);
        assert_eq!(may_read(file.path(), "no such user"), None);
    }
}
