//! The little dense linear algebra that a surrogate needs, in f64 and in plain loops, whose
//! order of summation (and so every bit) is the same on every platform.

/// A symmetric matrix, stored whole, row after row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Symmetric {
    n: usize,
    data: Vec<f64>,
}

/// A pivot that lost more than this share of its column's squared norm is linearly dependent
/// on the columns before it. Rounding leaves about rows × 2⁻⁵³ (1e-12 for 5,000 rows); the
/// smallest true share under LIME's own kernel, one row of weight e⁻⁸ among 5,000, is 7e-8.
pub(super) const DEPENDENT: f64 = 1e-10;

impl Symmetric {
    pub(super) fn zeros(n: usize) -> Self {
        Self { n, data: vec![0.0; n * n] }
    }

    /// `ZᵀZ` of a matrix of `n` columns that is stored row after row.
    pub(super) fn gram(z: &[f64], n: usize) -> Self {
        let mut gram = Self::zeros(n);
        if n == 0 {
            return gram;
        }
        // Four rows at a time: a quarter of the traffic through the large result.
        let mut blocks = z.chunks_exact(4 * n);
        for block in &mut blocks {
            let (z0, rest) = block.split_at(n);
            let (z1, rest) = rest.split_at(n);
            let (z2, z3) = rest.split_at(n);
            for (i, out) in gram.data.chunks_exact_mut(n).enumerate() {
                let (a, b, c, d) = (z0[i], z1[i], z2[i], z3[i]);
                let others = z0.iter().zip(z1).zip(z2).zip(z3);
                for (out, (((z0, z1), z2), z3)) in out[..=i].iter_mut().zip(others) {
                    *out += (a * z0 + b * z1) + (c * z2 + d * z3);
                }
            }
        }
        for row in blocks.remainder().chunks_exact(n) {
            for (i, out) in gram.data.chunks_exact_mut(n).enumerate() {
                out[..=i].iter_mut().zip(row).for_each(|(out, z)| *out += row[i] * z);
            }
        }
        for i in 0..n {
            for j in 0..i {
                gram.data[j * n + i] = gram.data[i * n + j];
            }
        }
        gram
    }

    pub(super) fn len(&self) -> usize {
        self.n
    }

    pub(super) fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.n..(i + 1) * self.n]
    }

    pub(super) fn at(&self, i: usize, j: usize) -> f64 {
        self.data[i * self.n + j]
    }

    /// The rows and columns in `keep`, in that order, with `alpha` added to the diagonal.
    pub(super) fn ridge(&self, keep: &[usize], alpha: f64) -> Self {
        let mut data = Vec::with_capacity(keep.len() * keep.len());
        for (place, &i) in keep.iter().enumerate() {
            data.extend(keep.iter().map(|&j| self.at(i, j)));
            data[place * keep.len() + place] += alpha;
        }
        Self { n: keep.len(), data }
    }

    #[cfg(test)]
    fn times(&self, x: &[f64]) -> Vec<f64> {
        (0..self.n).map(|i| dot(self.row(i), x)).collect()
    }
}

/// A dot product in four strands, which the compiler can keep in vector registers.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (a4, b4) = (a.chunks_exact(4), b.chunks_exact(4));
    let tail: f64 = a4.remainder().iter().zip(b4.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a4.zip(b4) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + tail
}

/// What solves `A x = b`: exactly where `A` has an inverse, else with the smallest `x`.
#[derive(Debug)]
pub(super) enum Solver {
    /// `A = L Lᵀ`.
    Cholesky(Cholesky),
    /// `A = B Bᵀ` with `B` of full column rank (columns stored one after the other), and the
    /// factor of `BᵀB`. The pseudo-inverse of `A` is `B (BᵀB)⁻² Bᵀ`.
    Deficient { columns: Vec<Vec<f64>>, inner: Cholesky },
}

impl Solver {
    /// Factors a symmetric, positive semidefinite matrix; `None` only when it is neither
    /// (some entry is not finite).
    pub(super) fn new(a: &Symmetric) -> Option<Self> {
        if let Some(cholesky) = Cholesky::new(a, DEPENDENT) {
            return Some(Self::Cholesky(cholesky));
        }
        let columns = independent_columns(a)?;
        let mut inner = Symmetric::zeros(columns.len());
        for (i, a) in columns.iter().enumerate() {
            for (j, b) in columns.iter().enumerate() {
                inner.data[i * columns.len() + j] = dot(a, b);
            }
        }
        // The columns are independent by construction, so any positive pivot will do.
        Some(Self::Deficient { inner: Cholesky::new(&inner, 0.0)?, columns })
    }

    /// The solution (of least norm, if there are many) of `A x = b`.
    pub(super) fn solve(&self, b: &[f64]) -> Vec<f64> {
        match self {
            Self::Cholesky(cholesky) => cholesky.solve(b),
            Self::Deficient { columns, inner } => {
                let projected: Vec<f64> = columns.iter().map(|column| dot(column, b)).collect();
                let y = inner.solve(&inner.solve(&projected));
                let mut x = vec![0.0; b.len()];
                for (column, y) in columns.iter().zip(y) {
                    x.iter_mut().zip(column).for_each(|(x, c)| *x += c * y);
                }
                x
            }
        }
    }

    /// The (pseudo-)inverse of an `n` × `n` matrix.
    pub(super) fn inverse(&self, n: usize) -> Symmetric {
        let mut inverse = Symmetric::zeros(n);
        let mut unit = vec![0.0; n];
        for i in 0..n {
            unit[i] = 1.0;
            inverse.data[i * n..(i + 1) * n].copy_from_slice(&self.solve(&unit));
            unit[i] = 0.0;
        }
        inverse
    }
}

/// The lower triangle of a Cholesky factorisation, one vector per row.
#[derive(Debug, Clone, Default)]
pub(super) struct Cholesky {
    rows: Vec<Vec<f64>>,
}

impl Cholesky {
    /// `None` when a pivot keeps no more than `tolerance` of its diagonal entry.
    fn new(a: &Symmetric, tolerance: f64) -> Option<Self> {
        let mut factor = Self::default();
        for i in 0..a.n {
            let pivot = factor.push(&a.row(i)[..=i], tolerance);
            pivot?;
        }
        Some(factor)
    }

    /// Grows the factor by one column, given its products with the columns so far and, last,
    /// with itself. `None`, with nothing changed, if it depends on them as [`Self::new`] says.
    pub(super) fn push(&mut self, products: &[f64], tolerance: f64) -> Option<()> {
        let (&square, products) = products.split_last()?;
        let mut row = self.forward(products);
        let pivot = square - dot(&row, &row);
        // Said so that a pivot that is not a number is refused too.
        if !(pivot > tolerance * square && pivot.is_finite()) {
            return None;
        }
        row.push(pivot.sqrt());
        self.rows.push(row);
        Some(())
    }

    fn forward(&self, b: &[f64]) -> Vec<f64> {
        let mut x: Vec<f64> = Vec::with_capacity(b.len() + 1);
        for (i, (row, b)) in self.rows.iter().zip(b).enumerate() {
            x.push((b - dot(&row[..i], &x)) / row[i]);
        }
        x
    }

    pub(super) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = self.forward(b);
        for (i, row) in self.rows.iter().enumerate().rev() {
            let value = x[i] / row[i];
            x[i] = value;
            x[..i].iter_mut().zip(row).for_each(|(x, l)| *x -= l * value);
        }
        x
    }
}

/// Cholesky with the largest remaining pivot first, up to the matrix's numerical rank: columns
/// `b` with `A = Σ b bᵀ`. `None` if an entry is not finite.
fn independent_columns(a: &Symmetric) -> Option<Vec<Vec<f64>>> {
    let n = a.n;
    if a.data.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let mut left: Vec<f64> = (0..n).map(|i| a.at(i, i)).collect();
    let mut free = vec![true; n];
    let mut columns: Vec<Vec<f64>> = Vec::new();
    loop {
        let candidates = (0..n).filter(|&i| free[i] && left[i] > DEPENDENT * a.at(i, i));
        let Some(pivot) = candidates.reduce(|best, i| if left[i] > left[best] { i } else { best }) else {
            return Some(columns);
        };
        free[pivot] = false;
        let column = residual_column(a, &columns, pivot, left[pivot]);
        left.iter_mut().zip(&column).for_each(|(left, c)| *left -= c * c);
        columns.push(column);
    }
}

/// The next column of a pivoted factorisation: row `pivot` of what `columns` leave of `a`,
/// over the root of its pivot `left`.
pub(super) fn residual_column(a: &Symmetric, columns: &[Vec<f64>], pivot: usize, left: f64) -> Vec<f64> {
    let mut column = a.row(pivot).to_vec();
    for earlier in columns {
        let factor = earlier[pivot];
        column.iter_mut().zip(earlier).for_each(|(c, e)| *c -= factor * e);
    }
    let root = left.sqrt();
    column.iter_mut().for_each(|c| *c /= root);
    column
}

/// Largest |A x - b|, for tests.
#[cfg(test)]
pub(super) fn residual(a: &Symmetric, x: &[f64], b: &[f64]) -> f64 {
    a.times(x).iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn gram_solves_and_inverse_agree_with_their_definitions(
            n in 1usize..9, rows in 1usize..30, values in prop::collection::vec(-1.0f64..1.0, 9 * 30), alpha in 0.01f64..2.0,
        ) {
            let z = &values[..rows * n];
            let gram = Symmetric::gram(z, n);
            for i in 0..n {
                for j in 0..n {
                    let direct: f64 = z.chunks(n).map(|row| row[i] * row[j]).sum();
                    prop_assert!((gram.at(i, j) - direct).abs() < 1e-12);
                }
            }
            let all: Vec<usize> = (0..n).collect();
            let a = gram.ridge(&all, alpha);
            let b = &values[values.len() - n..];
            let solver = Solver::new(&a).expect("positive definite");
            prop_assert!(residual(&a, &solver.solve(b), b) < 1e-9);
            let inverse = solver.inverse(n);
            prop_assert!(inverse.times(b).iter().zip(solver.solve(b)).all(|(x, y)| (x - y).abs() < 1e-8));
        }

        #[test]
        fn a_deficient_matrix_gets_the_smallest_solution(
            n in 2usize..8, rows in 1usize..8, values in prop::collection::vec(-1.0f64..1.0, 64),
        ) {
            // The last column repeats the first, so the rank is below n whatever the rows.
            let mut z = values[..rows * n].to_vec();
            z.chunks_mut(n).for_each(|row| row[n - 1] = row[0]);
            let gram = Symmetric::gram(&z, n);
            let b = gram.times(&values[values.len() - n..]);
            let solver = Solver::new(&gram).expect("positive semidefinite");
            let x = solver.solve(&b);
            let norm = dot(&x, &x).sqrt();
            prop_assert!(residual(&gram, &x, &b) < 1e-6 * (1.0 + norm));
            // The smallest solution lies in the row space, where the two copies are alike.
            prop_assert!((x[0] - x[n - 1]).abs() < 1e-6 * (1.0 + norm));
        }
    }

    #[test]
    fn what_is_not_finite_is_refused_and_nothing_is_solved_from_nothing() {
        let nan = Symmetric { n: 1, data: vec![f64::NAN] };
        assert!(Solver::new(&nan).is_none());
        let zero = Symmetric::zeros(2);
        assert_eq!(Solver::new(&zero).expect("rank 0").solve(&[1.0, 2.0]), [0.0, 0.0]);
        let empty = Symmetric::gram(&[], 0);
        assert_eq!(empty.len(), 0);
        assert!(Solver::new(&empty).expect("empty").solve(&[]).is_empty());
    }
}
