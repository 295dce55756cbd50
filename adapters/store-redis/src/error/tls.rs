//! What goes wrong while a connection is made secret.

use std::io;

use maily_errors::{Code, Error};
use tokio_rustls::rustls::{AlertDescription, Error as TlsError};

use crate::stream::Address;

/// The server could not prove who it is, does not believe who we are, or does not speak TLS.
pub(crate) fn handshake(err: &io::Error, address: &Address) -> Error {
    let known = refused(err).unwrap_or_else(|| match reason(err) {
        Some(TlsError::InvalidCertificate(_)) => {
            Error::new(Code::RedisCertificateRefused, "the server could not prove who it is")
        }
        Some(_) => not_secret(),
        None => Error::new(Code::RedisUnreachable, "no secret connection could be made"),
    });
    known
        .with_operation("store_redis::connect")
        .with_context("address", address.to_string())
        .with_context("because", err.to_string())
}

/// The server answered a question that was not secret, and the one that was not at all.
pub(crate) fn plain(address: &Address) -> Error {
    not_secret().with_operation("store_redis::connect").with_context("address", address.to_string())
}

/// Says whether the server ended the connection because of our certificate: with TLS 1.3 it does so only when, for us,
/// the handshake is over.
pub(super) fn refused(err: &io::Error) -> Option<Error> {
    let Some(TlsError::AlertReceived(alert)) = reason(err) else { return None };
    let message = match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            "the server wants a certificate of ours"
        }
        AlertDescription::AccessDenied
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateUnknown
        | AlertDescription::DecryptError
        | AlertDescription::UnknownCA
        | AlertDescription::UnsupportedCertificate => "the server refused our certificate",
        _ => return None,
    };
    Some(Error::new(Code::RedisCertificateRefused, message))
}

fn not_secret() -> Error {
    Error::new(Code::RedisProtocol, "the server does not speak TLS as the URL wants it")
}

fn reason(err: &io::Error) -> Option<&TlsError> {
    err.get_ref()?.downcast_ref()
}
