//! Sums that a regression is solved from. Rows are added in the order of time and never taken back, so
//! that a model that is refit each night costs one night's rows, not three years'.

/// Rows that are multiplied at once, in `f32`; their sums go on in `f64`.
const BLOCK: usize = 64;

/// Products that are summed side by side.
const LANES: usize = 8;

/// Σ w z zᵀ over rows z = (x₁ … xₙ, 1, y), upper triangle.
#[derive(Clone, Debug)]
pub struct Moments {
    width: usize,
    /// Packed by rows of the upper triangle.
    sums: Vec<f64>,
    /// One column after the other, [`BLOCK`] values each, already times √w.
    block: Vec<f32>,
    filled: usize,
    rows: u32,
    lowest: f32,
    highest: f32,
}

impl Moments {
    /// For rows of `columns` inputs.
    pub fn new(columns: usize) -> Self {
        let width = columns + 2;
        Self {
            width,
            sums: vec![0.0; width * (width + 1) / 2],
            block: vec![0.0; width * BLOCK],
            filled: 0,
            rows: 0,
            lowest: f32::INFINITY,
            highest: f32::NEG_INFINITY,
        }
    }

    /// Adds the row `x` with outcome `y`. All finite, `weight` > 0: the caller has looked.
    pub fn add(&mut self, x: &[f32], y: f32, weight: f32) {
        debug_assert_eq!(x.len() + 2, self.width);
        let root = weight.sqrt();
        for (column, value) in x.iter().chain([&1.0, &y]).enumerate() {
            self.block[column * BLOCK + self.filled] = value * root;
        }
        self.filled += 1;
        self.rows += 1;
        self.lowest = self.lowest.min(y);
        self.highest = self.highest.max(y);
        if self.filled == BLOCK {
            self.settle();
        }
    }

    /// How many rows were added.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// The lowest and the highest outcome.
    pub fn range(&self) -> (f32, f32) {
        (self.lowest, self.highest)
    }

    /// Takes the rows of the block into the sums.
    pub fn settle(&mut self) {
        if self.filled == 0 {
            return;
        }
        let used = self.filled.next_multiple_of(LANES);
        let mut sums = self.sums.iter_mut();
        for (at, row) in self.block.chunks_exact(BLOCK).enumerate() {
            for (column, sum) in self.block[at * BLOCK..].chunks_exact(BLOCK).zip(&mut sums) {
                *sum += f64::from(dot(&row[..used], &column[..used]));
            }
        }
        self.block.fill(0.0);
        self.filled = 0;
    }

    /// Adds the sums of `columns` (a subset of `other`'s, ascending) to these: rows that a wider model
    /// has seen count for a narrower one too. Both must be settled.
    pub fn add_part(&mut self, other: &Self, columns: usize) {
        debug_assert!(self.filled == 0 && other.filled == 0);
        debug_assert_eq!(columns + 2, self.width);
        let theirs = |at: usize| if at < columns { at } else { at + other.width - self.width };
        for row in 0..self.width {
            for column in row..self.width {
                let sum = other.sums[place(other.width, theirs(row), theirs(column))];
                self.sums[place(self.width, row, column)] += sum;
            }
        }
        self.rows += other.rows;
        self.lowest = self.lowest.min(other.lowest);
        self.highest = self.highest.max(other.highest);
    }

    /// Σ w zᵢ zⱼ for i ≤ j; the last two are the constant and the outcome. Settled rows only.
    pub fn sum(&self, row: usize, column: usize) -> f64 {
        self.sums[place(self.width, row, column)]
    }

    /// How many inputs a row has.
    pub fn columns(&self) -> usize {
        self.width - 2
    }
}

fn place(width: usize, row: usize, column: usize) -> usize {
    row * (2 * width - row + 1) / 2 + column - row
}

/// Eight sums side by side: the compiler may then use the vector unit, and the order of additions, and
/// with it the result, is the same on every machine.
fn dot(one: &[f32], other: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    for (one, other) in one.as_chunks::<LANES>().0.iter().zip(other.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            lanes[lane] += one[lane] * other[lane];
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: usize) -> ([f32; 3], f32, f32) {
        let number = number as f32;
        ([number, (number * 0.7).sin(), 1.0 - number * 0.01], number * 0.5 - 3.0, 1.0 + number)
    }

    fn moments(columns: usize, rows: std::ops::Range<usize>) -> Moments {
        let mut moments = Moments::new(columns);
        for (x, y, weight) in rows.map(row) {
            moments.add(&x[..columns], y, weight);
        }
        moments.settle();
        moments
    }

    #[test]
    fn sums_are_the_sums() {
        let moments = moments(3, 0..150);
        let expected = |i: usize, j: usize| -> f64 {
            (0..150)
                .map(row)
                .map(|(x, y, weight)| {
                    let z = [x[0], x[1], x[2], 1.0, y].map(f64::from);
                    f64::from(weight) * z[i] * z[j]
                })
                .sum()
        };
        for i in 0..5 {
            for j in i..5 {
                let (is, should) = (moments.sum(i, j), expected(i, j));
                assert!(
                    (is - should).abs() <= 1e-5 * should.abs().max(1.0),
                    "{i},{j}: {is} {should}"
                );
            }
        }
        assert_eq!(moments.rows(), 150);
        assert_eq!(moments.range(), (-3.0, 71.5));
    }

    #[test]
    fn a_narrower_model_learns_from_the_rows_of_a_wider_one() {
        let mut narrow = moments(2, 0..70);
        narrow.add_part(&moments(3, 70..150), 2);
        let whole = moments(2, 0..150);
        for i in 0..4 {
            for j in i..4 {
                let (is, should) = (narrow.sum(i, j), whole.sum(i, j));
                assert!(
                    (is - should).abs() <= 1e-5 * should.abs().max(1.0),
                    "{i},{j}: {is} {should}"
                );
            }
        }
        assert_eq!((narrow.rows(), narrow.range()), (150, whole.range()));
    }
}
