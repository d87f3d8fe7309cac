//! Why a handshake failed, in words that say what to do.

use crate::base::Untrusted;
use rustls::{AlertDescription, CertificateError, Error};

/// The TLS error that an error was made of, however deep.
pub fn root_of<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<Error>() {
            return Some(found);
        }
        // An input/output error hides what it wraps from `source`.
        let inner = error.downcast_ref::<std::io::Error>();
        next = match inner.and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// What a client is told whose connection to `address` was refused by one of
/// its two ends.
pub fn explain(address: &str, host: &str, error: &Error) -> String {
    let told = match error {
        Error::InvalidCertificate(wrong) => {
            format!("{}. Nothing was sent", certificate(host, wrong))
        }
        Error::AlertReceived(alert) => alert_of(*alert),
        Error::InvalidMessage(_) => {
            "what listens there does not speak TLS; is the port right?".into()
        }
        other => format!("the handshake failed: {}", foreign(other)),
    };
    format!("not connected to {address}: {told}")
}

fn certificate(host: &str, wrong: &CertificateError) -> String {
    match wrong {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired (or this machine's clock is wrong); have it renewed and restart the daemon with the new one".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet: look at the clocks of both machines".into()
        }
        CertificateError::NotValidForName => format!("its certificate is not for {host}"),
        CertificateError::NotValidForNameContext { presented, .. } => format!(
            "its certificate is for {}, not for {host}; use that name, or have one made for {host}",
            foreign(&presented.join(", "))
        ),
        CertificateError::UnknownIssuer => {
            "its certificate comes from an authority that is not trusted here; name it with --tls-ca FILE if it is yours, otherwise somebody else may be answering".into()
        }
        CertificateError::Revoked => "its certificate was revoked".into(),
        other => format!("its certificate is not accepted: {}", foreign(other)),
    }
}

/// A certificate says whatever its maker wrote.
fn foreign(text: &impl ToString) -> Untrusted {
    Untrusted::new(text.to_string())
}

fn alert_of(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => {
            "the daemon wants a certificate of yours: name it with --tls-cert FILE and --tls-key REF".into()
        }
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied => {
            "the daemon does not accept your certificate: it must come from the authority in the daemon's --tls-client-ca".into()
        }
        AlertDescription::CertificateExpired => {
            "the daemon says that your certificate has expired; have it renewed".into()
        }
        AlertDescription::ProtocolVersion => {
            "it speaks neither TLS 1.2 nor TLS 1.3".into()
        }
        other => format!("the daemon ended the handshake: {other:?}"),
    }
}
