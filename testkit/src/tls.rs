//! Certificates that nobody has to buy.

use std::path::{Path, PathBuf};

/// A certificate for one name that is its own authority, in PEM files.
#[derive(Clone, Debug)]
pub struct SelfSigned {
    /// The certificate: what the broker shows and its clients are told to trust.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl SelfSigned {
    /// Makes one for `name` in `dir`.
    ///
    /// # Panics
    /// When the directory is not writable.
    pub fn new(dir: &Path, name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("a host name");
        let certificate = dir.join("certificate.pem");
        let key = dir.join("key.pem");
        std::fs::write(&certificate, made.cert.pem()).expect("a writable directory");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("a writable directory");
        Self { certificate, key }
    }
}
