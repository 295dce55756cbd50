//! Which slot a key belongs to. No I/O.

/// How many slots the nodes of a cluster share.
pub(super) const SLOTS: usize = 16_384;

/// Returns the slot of a key: of the part in the first braces, if there is one, so that keys can be kept together.
///
/// Source: the cluster specification, "Key distribution model" and "Hash tags",
/// <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>.
pub(super) fn slot(key: &[u8]) -> u16 {
    crc16(tag(key)) % SLOTS as u16
}

fn tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|byte| *byte == b'{') else { return key };
    let rest = &key[open + 1..];
    match rest.iter().position(|byte| *byte == b'}') {
        // Empty braces are part of the name.
        None | Some(0) => key,
        Some(close) => &rest[..close],
    }
}

/// CRC-16/XMODEM: polynomial 0x1021, start 0, nothing reflected.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| (crc << 8) ^ TABLE[usize::from((crc >> 8) as u8 ^ byte)])
}

const TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_is_that_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc16(b""), 0);
    }

    #[test]
    fn keys_with_one_tag_have_one_slot() {
        assert_eq!(slot(b"foo"), 12_182);
        assert_eq!(slot(b"{foo}:clicks"), slot(b"foo"));
        assert_eq!(slot(b"a{foo}b{bar}"), slot(b"foo"));
        assert_eq!(slot(b"a{{foo}}"), slot(b"{foo"));
    }

    #[test]
    fn braces_without_content_or_end_are_part_of_the_name() {
        assert_ne!(slot(b"{}foo"), slot(b"{}bar"));
        assert_ne!(slot(b"{foo"), slot(b"foo"));
        assert_eq!(slot(b""), 0);
    }
}
