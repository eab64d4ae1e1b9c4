//! TLS by rustls with ring, which cross-compiles to every Pi.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::SetupError;

/// A client that trusts the certificates of `ca_file`, or those of the system.
pub(super) fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, SetupError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let unreadable = |source| SetupError::CaFile { path: path.to_owned(), source };
            let certificates = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(unreadable)?;
            roots.add_parsable_certificates(certificates);
            if roots.is_empty() {
                return Err(SetupError::NoCertificate(format!("in {}", path.display())));
            }
        }
        None => {
            // A single broken file in the system's store is no reason to trust none.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(SetupError::NoCertificate(
                    "on this system; install ca-certificates or set ca_file".to_owned(),
                ));
            }
        }
    }
    // Named here and not taken from the process, so that nobody has to install a provider first.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusable_ca_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let missing = client_config(Some(&path)).unwrap_err().to_string();
        assert!(missing.contains("ca.pem"), "{missing}");
        std::fs::write(&path, "not a certificate").unwrap();
        let empty = client_config(Some(&path)).unwrap_err().to_string();
        assert!(empty.contains("ca.pem"), "{empty}");
    }
}
