//! Whom to trust: the system's authorities and those of a section's `ca_file`.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::{Error, Result};

/// What TLS connections are made with: the system's authorities and, if given,
/// those in the PEM file `ca_file`.
///
/// # Errors
///
/// [`super::Failure::Config`] if the file cannot be read or holds no certificate.
pub(super) fn client(ca_file: Option<&Path>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    // A system without any, or with one that is damaged, still speaks to servers
    // that `ca_file` vouches for.
    roots.add_parsable_certificates(system().iter().cloned());
    if let Some(path) = ca_file {
        let complain = |what: String| Error::config(format!("{}: {what}", path.display()));
        let text = fs_err::read(path).map_err(|error| Error::config(error.to_string()))?;
        let mut added = 0;
        for certificate in CertificateDer::pem_slice_iter(&text) {
            let certificate = certificate.map_err(|error| complain(error.to_string()))?;
            roots
                .add(certificate)
                .map_err(|error| complain(error.to_string()))?;
            added += 1;
        }
        if added == 0 {
            return Err(complain("no certificate in it".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::config(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// The system's authorities, read once: there are some 150 files of them.
fn system() -> &'static [CertificateDer<'static>] {
    static SYSTEM: OnceLock<Vec<CertificateDer<'static>>> = OnceLock::new();
    SYSTEM.get_or_init(|| rustls_native_certs::load_native_certs().certs)
}
