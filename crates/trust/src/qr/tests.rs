use super::*;

/// Draws with four pixels a module and a border of four modules, then reads it as a camera program does.
fn read(link: &str) -> String {
    let (dark, size) = modules(link).unwrap();
    let pixel = |x: usize, y: usize| {
        let (column, row) = ((x / 4).wrapping_sub(4), (y / 4).wrapping_sub(4));
        if column < size && row < size && dark[row * size + column] { 0 } else { 255 }
    };
    let side = (size + 8) * 4;
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, pixel);
    let grids = image.detect_grids();
    grids[0].decode().unwrap().1
}

#[test]
fn code_is_read_back() {
    for link in [
        "maily:00112233445566778899aabbccddeeff#00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "https://proof.example/c/00112233445566778899aabbccddeeff#e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ] {
        assert_eq!(read(link), link);
    }
}

#[test]
fn picture_is_complete() {
    let svg = svg("maily:00").unwrap();

    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
}

#[test]
fn link_over_its_limit_is_refused() {
    assert!(svg(&"x".repeat(MAX_LINK_BYTES)).is_ok());
    assert_eq!(svg(&"x".repeat(MAX_LINK_BYTES + 1)).unwrap_err().code(), Code::TooLarge);
}
