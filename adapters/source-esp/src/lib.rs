//! Signed webhooks of e-mail platforms
