//! The fields of a body, found without reading their values.

use std::ops::Range;

use memchr::memchr2;
use smallvec::SmallVec;

/// One field of an object, as it is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Field<'a> {
    /// The name, without quotes.
    pub(super) name: &'a [u8],
    /// The value; never empty.
    pub(super) value: &'a [u8],
    /// Where the value begins in the body.
    pub(super) at: usize,
}

/// Finds the fields of an object that is known to be JSON; `None` if it is not an object after all.
///
/// Runs in O(bytes); texts are skipped 16 bytes at a time, and `known`, the place of one long value, at once.
pub(super) fn fields<'a>(body: &'a [u8], known: &Range<usize>) -> Option<SmallVec<[Field<'a>; 16]>> {
    let mut found = SmallVec::new();
    let mut at = expect(body, 0, b'{')?;
    loop {
        at = space(body, at);
        match body.get(at)? {
            b'}' => return Some(found),
            b',' => at = space(body, at + 1),
            _ => {}
        }
        let end = text(body, at)?;
        let name = body.get(at + 1..end - 1)?;
        let start = space(body, expect(body, end, b':')?);
        at = if start == known.start && !known.is_empty() { known.end } else { value(body, start)? };
        found.push(Field { name, value: body.get(start..at).filter(|value| !value.is_empty())?, at: start });
    }
}

fn expect(body: &[u8], at: usize, byte: u8) -> Option<usize> {
    let at = space(body, at);
    (*body.get(at)? == byte).then_some(at + 1)
}

fn space(body: &[u8], mut at: usize) -> usize {
    while body.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// Returns where a text ends, behind its quote.
fn text(body: &[u8], at: usize) -> Option<usize> {
    if *body.get(at)? != b'"' {
        return None;
    }
    let mut at = at + 1;
    loop {
        at += memchr2(b'"', b'\\', body.get(at..)?)?;
        if body[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Returns where a value ends.
fn value(body: &[u8], at: usize) -> Option<usize> {
    match body.get(at)? {
        b'"' => text(body, at),
        b'{' | b'[' => nested(body, at),
        _ => {
            let end = |byte: &u8| matches!(byte, b',' | b'}') || byte.is_ascii_whitespace();
            body[at..].iter().position(end).map(|length| at + length)
        }
    }
}

fn nested(body: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match body.get(at)? {
            b'"' => {
                at = text(body, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_come_as_they_are_written() {
        let body = br#" { "a" : "x\"},{\\" , "b":[1,{"c":"]"}], "d":-1.5e3 ,"e\"":null} "#;

        let found: Vec<(&[u8], &[u8])> =
            fields(body, &(0..0)).unwrap().iter().map(|field| (field.name, field.value)).collect();

        let expected: [(&[u8], &[u8]); 4] =
            [(b"a", br#""x\"},{\\""#), (b"b", br#"[1,{"c":"]"}]"#), (b"d", b"-1.5e3"), (br#"e\""#, b"null")];
        assert_eq!(found, expected);
        assert!(fields(b"{}", &(0..0)).unwrap().is_empty());
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            ".{0,12}".prop_map(serde_json::Value::from),
            Just(serde_json::Value::Null),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Value>()),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_object_is_split_where_serde_splits_it(
            map in prop::collection::btree_map(".{0,6}", json(), 0..6),
            pretty: bool,
        ) {
            let value: serde_json::Value = map.clone().into_iter().collect();
            let write = if pretty { serde_json::to_vec_pretty } else { serde_json::to_vec };
            let body = write(&value).unwrap();

            let found = fields(&body, &(0..0)).unwrap();

            prop_assert_eq!(found.len(), map.len());
            for field in found {
                let name: String = serde_json::from_slice(&[b"\"", field.name, b"\""].concat()).unwrap();
                let value: serde_json::Value = serde_json::from_slice(field.value).unwrap();
                prop_assert_eq!(&value, &map[&name]);
            }
        }

        #[test]
        fn bytes_that_are_no_json_never_panic(body in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = fields(&body, &(0..0));
            let _ = fields(&[b"{", &body[..]].concat(), &(0..0));
        }
    }
}
