use super::Matrix;
use crate::tile::{BLOCK, Block, Nibbles};

/// Numbers in -1.0..1.0 that look like chance.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn multiply(matrix: &Matrix, inputs: &[f32]) -> Vec<f32> {
    let blocks: Vec<Block> = inputs.as_chunks().0.iter().map(Block::new).collect();
    matrix.multiply(&blocks)
}

#[test]
fn product_is_the_one_of_real_numbers_up_to_rounding() {
    // Odd numbers of rows and inputs, so that no loop comes out even.
    let (rows, columns, count) = (13, 96, 5);
    let weights = numbers(rows * columns, 1);
    let inputs = numbers(columns * count, 2);

    let results = multiply(&Matrix::new(&weights, columns).unwrap(), &inputs);

    assert_eq!(results.len(), rows * count);
    for (index, result) in results.iter().enumerate() {
        let weights = &weights[index % rows * columns..][..columns];
        let inputs = &inputs[index / rows * columns..][..columns];
        let exact: f32 = weights.iter().zip(inputs).map(|(weight, input)| weight * input).sum();
        assert!((result - exact).abs() < 0.05, "{result} instead of {exact}");
    }
}

#[test]
fn largest_weights_do_not_overflow() {
    for sign in [1.0, -1.0] {
        let results = multiply(&Matrix::new(&[sign; 4 * 64], 64).unwrap(), &[1.0; 64]);
        assert!(results.iter().all(|result| (result - sign * 64.0).abs() < 0.01), "{results:?}");
    }
}

#[test]
fn result_does_not_depend_on_how_it_is_shared() {
    let (columns, count) = (576, 7);
    let matrix = Matrix::new(&numbers(1_000 * columns, 3), columns).unwrap();
    let inputs = numbers(columns * count, 4);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| multiply(&matrix, &inputs))
    };

    assert_eq!(with(1), with(3));
}

#[test]
fn result_of_an_input_does_not_depend_on_the_others() {
    let (rows, columns, count) = (37, 192, 9);
    let matrix = Matrix::new(&numbers(rows * columns, 6), columns).unwrap();
    let inputs = numbers(columns * count, 7);

    let together = multiply(&matrix, &inputs);

    for (together, input) in together.chunks(rows).zip(inputs.chunks(columns)) {
        assert_eq!(together, multiply(&matrix, input));
    }
}

#[test]
fn row_comes_back_up_to_rounding() {
    let weights = numbers(3 * BLOCK, 5);
    let matrix = Matrix::new(&weights, BLOCK).unwrap();

    let row = matrix.row(1);

    assert!(row.iter().zip(&weights[BLOCK..]).all(|(row, weight)| (row - weight).abs() <= 1.0 / 254.0));
}

#[test]
fn rows_that_are_no_whole_blocks_are_refused() {
    assert!(Matrix::new(&[0.0; 33], 33).is_none());
    assert!(Matrix::new(&[0.0; 33], 32).is_none());
    assert!(Matrix::new(&[], 0).is_none());
}

#[test]
fn nibbles_of_a_file_are_the_numbers_that_they_stand_for() {
    // Scale 0.5, minimum -4.0; each byte has one weight of the first half and one of the second.
    let mut block = [0; Nibbles::FILE_BYTES];
    block[..4].copy_from_slice(&[0x00, 0x38, 0x00, 0xc4]);
    for (index, byte) in block[4..].iter_mut().enumerate() {
        *byte = (15 - index as u8) << 4 | index as u8;
    }
    let exact: Vec<f32> = (0..16).chain((0..16).rev()).map(|weight| weight as f32 * 0.5 - 4.0).collect();

    let matrix = Matrix::from_nibbles(&block.repeat(9), BLOCK).unwrap();

    assert_eq!((matrix.rows(), matrix.row(0), matrix.row(8)), (9, exact.clone(), exact.clone()));
    let inputs: Vec<f32> = (0..2 * BLOCK as i32).map(|at| (at - 30) as f32).collect();
    for (results, input) in multiply(&matrix, &inputs).chunks(9).zip(inputs.chunks(BLOCK)) {
        let sum: f32 = exact.iter().zip(input).map(|(weight, input)| weight * input).sum();
        assert!(results.iter().all(|result| (result - sum).abs() < 8.0), "{results:?} instead of {sum}");
    }
    assert!(Matrix::from_nibbles(&block[1..], BLOCK).is_none());
    assert!(Matrix::from_nibbles(&block.repeat(3), 2 * BLOCK).is_none());
}

#[test]
fn largest_products_of_nibbles_do_not_overflow() {
    let mut block = [0xff; Nibbles::FILE_BYTES];
    block[..4].copy_from_slice(&[0x00, 0x3c, 0x00, 0x00]);
    let matrix = Matrix::from_nibbles(&block.repeat(16), 2 * BLOCK).unwrap();

    for sign in [1.0, -1.0] {
        let results = multiply(&matrix, &[127.0 * sign; 2 * BLOCK]);
        assert_eq!(results, [sign * 64.0 * 15.0 * 127.0; 8]);
    }
}
