//! Just enough of HTML: where a reader sees a new line, and where links lead.

use super::MAX_LINKS;

const BLOCKS: [&str; 17] = [
    "p", "div", "td", "th", "tr", "table", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "title",
    "style",
];

/// Puts line ends where blocks end, so that one changed word does not change a whole minified page.
pub(super) fn break_lines(html: &str) -> String {
    let mut out = String::with_capacity(html.len() + html.len() / 16);
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        // A tag without an end is text to the end, and looking for it again would take quadratic time.
        let Some(end) = tag.find('>').map(|end| end + 1) else {
            rest = tag;
            break;
        };
        let name = tag_name(tag);
        let closes = |names: &[&str]| name.strip_prefix('/').is_some_and(|name| names.contains(&name));
        if closes(&["body", "html"]) {
            out.push('\n');
        }
        out.push_str(&tag[..end]);
        if closes(&BLOCKS) || name == "br" || name == "body" {
            out.push('\n');
        }
        rest = &tag[end..];
    }
    out.push_str(rest);
    out
}

/// Returns the name in `<name ..>`, in lower case, with its slash.
fn tag_name(tag: &str) -> String {
    let name = tag[1..].bytes().take(12).take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'/');
    let name: String = name.map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    if name.starts_with('/') { name } else { name.trim_end_matches('/').to_owned() }
}

/// Appends where the `href` attributes lead, one a line, in their order.
pub(super) fn collect_links(html: &str, links: &mut Vec<String>) {
    let bytes = html.as_bytes();
    let mut at = 0;
    while links.len() < MAX_LINKS
        && let Some(found) = find_href(&bytes[at..])
    {
        at += found;
        let value = bytes[at..].trim_ascii_start();
        let Some(value) = value.strip_prefix(b"=").map(<[u8]>::trim_ascii_start) else { continue };
        let end = match value.first() {
            Some(quote @ (b'"' | b'\'')) => {
                value[1..].iter().position(|byte| byte == quote).map(|end| (1, end + 1))
            }
            _ => {
                value.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'>').map(|end| (0, end))
            }
        };
        let Some((begin, end)) = end else { continue };
        let link = String::from_utf8_lossy(&value[begin..end]).replace("&amp;", "&");
        links.push(link.split_ascii_whitespace().collect());
    }
}

fn find_href(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window.eq_ignore_ascii_case(b"href")).map(|at| at + 4)
}
