//! Powers of the generator, from a table: g^b and g^x have the same base each time.
//!
//! A comb (Lim and Lee, CRYPTO '94): the exponent's bits stand in five rows of 52, the rows are cut into 13 blocks of
//! four columns, and each block has a table of the products that a column of it can mean. A power is then 52
//! multiplications and three squarings, a sixth of the general method. The tables hold 156 KiB; they are built at the
//! first use, which takes as long as two general powers.

use std::sync::LazyLock;

use zeroize::Zeroizing;

use super::group::{EXPONENT, Element};

/// Rows of the comb. More of them would mean fewer multiplications and longer tables, all of which each constant-time
/// look-up has to read.
const ROWS: usize = 5;
/// Products of a column: one for each set of rows.
const PRODUCTS: usize = 1 << ROWS;
/// Bits in a row: five rows hold 260 bits, of which the last four are always zero.
const COLUMNS: usize = 52;
/// Columns of a block: one less than this many squarings are needed.
const WIDTH: usize = 4;

static TABLES: LazyLock<Vec<Block>> = LazyLock::new(build);

/// The products of one block's first column.
type Block = [Element; PRODUCTS];

/// g to a secret power, in constant time.
pub(super) fn generator_to_the(exponent: &[u8; EXPONENT]) -> Element {
    let mut power = Zeroizing::new(Element::ONE);
    for column in (0..WIDTH).rev() {
        if column + 1 < WIDTH {
            *power = power.squared();
        }
        for (number, block) in TABLES.iter().enumerate() {
            let index = rows_at(exponent, number * WIDTH + column);
            let factor = Zeroizing::new(Element::look_up(block, index));
            *power = power.times(&factor);
        }
    }
    *power
}

/// The exponent's bits in a column, the lowest row first.
fn rows_at(exponent: &[u8; EXPONENT], column: usize) -> u32 {
    (0..ROWS).fold(0, |rows, row| rows | (bit(exponent, row * COLUMNS + column) << row))
}

/// A bit of the big-endian exponent; those beyond its length are zero.
fn bit(exponent: &[u8; EXPONENT], position: usize) -> u32 {
    let byte = exponent.iter().rev().nth(position / 8).copied().unwrap_or(0);
    u32::from(byte >> (position % 8)) & 1
}

fn build() -> Vec<Block> {
    // For each row and block, the power of g that the lowest bit of the block in this row stands for.
    let mut blocks = vec![[Element::ONE; PRODUCTS]; COLUMNS / WIDTH];
    let mut power = Element::GENERATOR;
    for row in 0..ROWS {
        for block in &mut blocks {
            // The products with this row are those without it, times its power.
            let (without, with) = block.split_at_mut(1 << row);
            for (without, with) in without.iter().zip(with) {
                *with = without.times(&power);
            }
            for _ in 0..WIDTH {
                power = power.squared();
            }
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use cenote_base::{RandomExt, SeededRandom};

    use super::*;

    #[test]
    fn the_table_gives_what_the_general_method_gives() {
        let random = SeededRandom::new(17);
        let mut exponents = vec![[0; EXPONENT], [0xff; EXPONENT], [0x80; EXPONENT], [1; EXPONENT]];
        exponents.extend((0..8).map(|_| random.bytes::<EXPONENT>()));
        exponents.extend((0..256).step_by(17).map(|position| {
            let mut single = [0; EXPONENT];
            single[EXPONENT - 1 - position / 8] = 1 << (position % 8);
            single
        }));
        for exponent in exponents {
            assert!(generator_to_the(&exponent) == Element::GENERATOR.pow(&exponent), "{}", hex::encode(exponent));
        }
    }

    #[test]
    fn the_table_is_as_large_as_said() {
        assert_eq!(TABLES.len() * size_of::<Block>(), 156 * 1024);
        assert_eq!(TABLES.len() * WIDTH, COLUMNS);
        const { assert!(ROWS * COLUMNS >= EXPONENT * 8) };
    }
}
