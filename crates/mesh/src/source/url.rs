use std::net::{IpAddr, Ipv4Addr};

use maily_errors::{Code, Error, Result};

/// Checks that the mesh may be made to call a URL by whoever may register.
///
/// Private networks are where models run, so they are allowed. Never the right address of a model are: link-local ones,
/// where clouds answer with credentials; those that stand for no host or for many; numbers that some resolvers read as
/// an address; and a URL that carries a name and a password.
pub(super) fn check(url: &str, schemes: &[String]) -> Result<()> {
    let refuse = |message: &'static str| {
        Err(Error::new(Code::NodeUrlRefused, message).with_operation("mesh::register"))
    };
    let Some((scheme, rest)) = url.split_once(':') else { return refuse("the URL has no scheme") };
    if !schemes.iter().any(|offered| offered == scheme) {
        return refuse("nodes of this scheme may not register");
    }
    if !scheme.starts_with("http") {
        return Ok(());
    }
    let Some(rest) = rest.strip_prefix("//") else { return refuse("the URL names no host") };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if authority.contains('@') {
        return refuse("the URL carries credentials; send them as `key`");
    }
    let host = match authority.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let host = host.trim_end_matches('.');
    if host.is_empty() {
        return refuse("the URL names no host");
    }
    match host.parse::<IpAddr>() {
        Ok(address) if is_of_no_node(address.to_canonical()) => refuse("the address is none of a node"),
        Ok(_) => Ok(()),
        Err(_) if is_number(host) => refuse("the host is a number"),
        Err(_) if host.eq_ignore_ascii_case("metadata.google.internal") => {
            refuse("the address is none of a node")
        }
        Err(_) => Ok(()),
    }
}

fn is_of_no_node(address: IpAddr) -> bool {
    let everywhere = address.is_unspecified() || address.is_multicast();
    everywhere
        || match address {
            IpAddr::V4(address) => address.is_link_local() || address == Ipv4Addr::BROADCAST,
            IpAddr::V6(address) => address.is_unicast_link_local(),
        }
}

/// Whether the last label is a number, as in `2852039166`, `0xa9fea9fe` or `169.254.43518`.
fn is_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match last.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()),
    }
}
