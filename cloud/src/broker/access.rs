//! Who may do what at the embedded broker.
//!
//! | who | may read | may write |
//! |---|---|---|
//! | anybody | `<root>/#` | nothing |
//! | a user with a password | `<root>/#` | the topics of its entry, by default `<root>/#` |
//! | a service of this process | `<root>/#` | the topics of its entry |
//!
//! Nobody may read or write anything else, `$SYS` included. A client name that equals a user's name is
//! that user's: an anonymous client could else throw a publisher out by taking its name.

use std::collections::HashMap;
use std::fmt;

use argon2::password_hash::SaltString;
use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use domain::wire::Root;
use service::mqtt::Password;
use sha2::{Digest, Sha256};

/// What starts the text of an Argon2id hash.
const ARGON2ID: &str = "$argon2id$";

/// Somebody who may write.
#[derive(Clone, Debug)]
pub struct User {
    /// Name, and the client name that only this user may take.
    pub name: String,
    /// The password, or its Argon2id hash (`$argon2id$…`), from a file of its own.
    pub password: Password,
    /// Topic filters below the root that it may write to.
    pub writes: Vec<String>,
}

impl User {
    /// A user who may write to every topic below the root.
    pub fn new(name: impl Into<String>, password: Password) -> Self {
        Self { name: name.into(), password, writes: vec!["#".to_owned()] }
    }
}

/// Whether this can be the name of a user: one or more of a-z, 0-9, - and _.
pub(crate) fn is_user_name(name: &str) -> bool {
    let slug = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    !name.is_empty() && name.bytes().all(slug)
}

/// A user that cannot be let in.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// Two have this name.
    #[error("there are two broker users called {0:?}")]
    Twice(String),
    /// No name, or one that is no slug.
    #[error("broker user name {0:?} must be made of a-z, 0-9, - and _")]
    Name(String),
    /// It begins like a hash and is none.
    #[error("the password hash of broker user {0:?} cannot be read; it begins with $argon2id$")]
    Hash(String),
    /// Not a filter.
    #[error("broker user {user:?}: {filter:?} is not a topic filter below the root")]
    Filter {
        /// Whose.
        user: String,
        /// Which.
        filter: String,
    },
}

/// How a secret is checked.
enum Secret {
    /// A password that somebody chose: slow to try.
    Chosen(String),
    /// 256 random bits of this run: nothing to guess, so a plain digest will do.
    Random([u8; 32]),
}

struct Entry {
    secret: Secret,
    /// Full filters, root included.
    writes: Vec<String>,
}

/// The rules of one broker. Passwords are held as hashes only.
pub(super) struct Access {
    root: Root,
    entries: HashMap<String, Entry>,
}

/// Who a client turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Anybody,
    User(String),
}

/// Why a client is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// Unknown user, wrong password, or none.
    Credentials,
    /// The client name is another user's.
    ClientName,
}

impl Access {
    pub(super) fn new(root: Root) -> Self {
        Self { root, entries: HashMap::new() }
    }

    /// Adds somebody with a chosen password.
    pub(super) fn add_user(&mut self, user: &User) -> Result<(), UserError> {
        let secret = user.password.expose();
        let hash = if secret.starts_with(ARGON2ID) {
            // A text without the hash itself parses too, and would let nobody in.
            let parsed = PasswordHash::new(secret).ok().filter(|parsed| parsed.hash.is_some());
            parsed.ok_or_else(|| UserError::Hash(user.name.clone()))?;
            secret.to_owned()
        } else {
            hash(secret)
        };
        self.add(&user.name, Secret::Chosen(hash), &user.writes)
    }

    /// Adds a service of this process; returns its password for this run.
    pub(super) fn add_service(
        &mut self,
        name: &str,
        writes: &[String],
    ) -> Result<Password, UserError> {
        let bits: [u8; 32] = rand::random();
        let password: String = bits.iter().map(|byte| format!("{byte:02x}")).collect();
        self.add(name, Secret::Random(Sha256::digest(&password).into()), writes)?;
        Ok(Password::new(password))
    }

    fn add(&mut self, name: &str, secret: Secret, writes: &[String]) -> Result<(), UserError> {
        if !is_user_name(name) {
            return Err(UserError::Name(name.to_owned()));
        }
        if self.entries.contains_key(name) {
            return Err(UserError::Twice(name.to_owned()));
        }
        if let Some(bad) = writes.iter().find(|filter| !is_filter(filter)) {
            return Err(UserError::Filter { user: name.to_owned(), filter: bad.clone() });
        }
        let root = self.root.as_str();
        let writes = writes.iter().map(|filter| format!("{root}/{filter}")).collect();
        self.entries.insert(name.to_owned(), Entry { secret, writes });
        Ok(())
    }

    /// Who this is. Takes a tenth of a second of one core for a chosen password.
    pub(super) fn login(
        &self,
        client: &str,
        username: Option<&str>,
        password: Option<&[u8]>,
    ) -> Result<Who, Denied> {
        let who = match (username, password) {
            (None, None) => Who::Anybody,
            (Some(name), Some(password)) if self.knows(name, password) => {
                Who::User(name.to_owned())
            }
            _ => return Err(Denied::Credentials),
        };
        let is_own_name = matches!(&who, Who::User(name) if name == client);
        if self.entries.contains_key(client) && !is_own_name {
            return Err(Denied::ClientName);
        }
        Ok(who)
    }

    /// Whether checking this user's password is slow, and belongs on a thread of its own.
    pub(super) fn is_slow(&self, username: Option<&str>) -> bool {
        let entry = username.and_then(|name| self.entries.get(name));
        matches!(entry, Some(Entry { secret: Secret::Chosen(_), .. }))
    }

    fn knows(&self, name: &str, password: &[u8]) -> bool {
        match self.entries.get(name).map(|entry| &entry.secret) {
            None => false,
            Some(Secret::Random(digest)) => Sha256::digest(password).as_slice() == digest,
            Some(Secret::Chosen(hash)) => PasswordHash::new(hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok()),
        }
    }

    /// Whether anybody may subscribe to `filter`. Only the root and what is below it, spelled out.
    pub(super) fn may_read(&self, filter: &str) -> bool {
        filter
            .strip_prefix(self.root.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether this user may publish on `topic`; anybody else may not publish at all.
    pub(super) fn may_write(&self, user: Option<&str>, topic: &str) -> bool {
        let entry = user.and_then(|user| self.entries.get(user));
        entry.is_some_and(|entry| entry.writes.iter().any(|filter| matches(filter, topic)))
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<&str> = self.entries.keys().map(String::as_str).collect();
        names.sort_unstable();
        f.debug_struct("Access").field("root", &self.root).field("users", &names).finish()
    }
}

/// Argon2id with the parameters that its authors recommend (19 MiB, 2 passes).
fn hash(password: &str) -> String {
    let salt: [u8; 16] = rand::random();
    let salt = SaltString::encode_b64(&salt).expect("16 bytes are a salt");
    Argon2::default()
        .hash_password(password.as_bytes(), &salt)
        .expect("the default parameters are valid")
        .to_string()
}

fn is_filter(filter: &str) -> bool {
    let levels: Vec<&str> = filter.split('/').collect();
    let last = levels.len() - 1;
    levels.iter().enumerate().all(|(index, level)| match *level {
        "" => false,
        "+" => true,
        "#" => index == last,
        level => !level.contains(['+', '#', '\0']),
    })
}

/// Whether `topic` is one of `filter`. Without the exception for `$`, since no root begins with one.
fn matches(filter: &str, topic: &str) -> bool {
    let mut filter = filter.split('/');
    let mut topic = topic.split('/');
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> (Access, Password) {
        let mut access = Access::new(Root::default());
        access.add_user(&User::new("operator", Password::new("hunter2"))).unwrap();
        let filters = ["upstream/#", "status/pump", "a/+/c"].map(str::to_owned);
        let secret = access.add_service("pump", &filters).unwrap();
        (access, secret)
    }

    #[test]
    fn logins() {
        let (access, secret) = access();
        let login = |client: &str, user: Option<&str>, password: Option<&str>| {
            access.login(client, user, password.map(str::as_bytes))
        };
        let user = |name: &str| Ok(Who::User(name.to_owned()));
        assert_eq!(login("x", None, None), Ok(Who::Anybody));
        assert_eq!(login("x", Some("operator"), Some("hunter2")), user("operator"));
        assert_eq!(login("pump", Some("pump"), Some(secret.expose())), user("pump"));
        for (name, password) in [
            (Some("operator"), Some("hunter3")),
            (Some("operator"), Some("")),
            (Some("operator"), None),
            (Some("pump"), Some("hunter2")),
            (Some("nobody"), Some("hunter2")),
            (Some(""), Some("")),
            (None, Some("hunter2")),
        ] {
            assert_eq!(login("x", name, password), Err(Denied::Credentials), "{name:?}");
        }
        assert_eq!(login("pump", None, None), Err(Denied::ClientName));
        assert_eq!(login("pump", Some("operator"), Some("hunter2")), Err(Denied::ClientName));
        assert!(access.is_slow(Some("operator")) && !access.is_slow(Some("pump")));
    }

    #[test]
    fn a_hash_is_as_good_as_the_password() {
        let mut access = Access::new(Root::default());
        access.add_user(&User::new("operator", Password::new(hash("hunter2")))).unwrap();
        let login = |password: &str| access.login("x", Some("operator"), Some(password.as_bytes()));
        assert_eq!(login("hunter2"), Ok(Who::User("operator".to_owned())));
        assert_eq!(login(&hash("hunter2")), Err(Denied::Credentials));
    }

    #[test]
    fn reading_is_below_the_root_only() {
        let (access, _) = access();
        for filter in ["ny-power/#", "ny-power/+/co2", "ny-power/computed/co2", "ny-power"] {
            assert!(access.may_read(filter), "{filter}");
        }
        for filter in ["#", "+/computed/co2", "$SYS/#", "ny-powers/#", "other", "", "+", "/#"] {
            assert!(!access.may_read(filter), "{filter}");
        }
    }

    #[test]
    fn writing_is_what_the_entry_says() {
        let (access, _) = access();
        let check = |user: Option<&str>, topic: &str, expected: bool| {
            assert_eq!(access.may_write(user, topic), expected, "{user:?} {topic}");
        };
        check(Some("pump"), "ny-power/upstream/mix", true);
        check(Some("pump"), "ny-power/upstream/fuel-mix/Natural Gas", true);
        check(Some("pump"), "ny-power/status/pump", true);
        check(Some("pump"), "ny-power/a/b/c", true);
        check(Some("pump"), "ny-power/a/b", false);
        check(Some("pump"), "ny-power/status/co2", false);
        check(Some("pump"), "ny-power/computed/co2", false);
        check(Some("pump"), "upstream/mix", false);
        check(Some("operator"), "ny-power/computed/co2", true);
        check(Some("operator"), "other/computed/co2", false);
        check(Some("operator"), "$SYS/broker", false);
        check(Some("nobody"), "ny-power/upstream/mix", false);
        check(None, "ny-power/upstream/mix", false);
    }

    #[test]
    fn users_that_cannot_be() {
        let add = |user: User| {
            let (mut access, _) = access();
            access.add_user(&user).unwrap_err().to_string()
        };
        let password = || Password::new("x");
        assert!(add(User::new("pump", password())).contains("two broker users called \"pump\""));
        assert!(add(User::new("", password())).contains("must be made of"));
        assert!(add(User::new("a/b", password())).contains("\"a/b\""));
        let text = add(User::new("x", Password::new("$argon2id$nonsense")));
        assert!(text.contains("password hash of broker user \"x\""), "{text}");
        for filter in ["", "/x", "a/#/b", "a#", "a//b"] {
            let user = User { writes: vec![filter.to_owned()], ..User::new("x", password()) };
            assert!(add(user).contains("not a topic filter"), "{filter}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let (access, secret) = access();
        let shown = format!("{access:?}");
        assert!(!shown.contains(secret.expose()) && !shown.contains("argon2"), "{shown}");
    }
}
