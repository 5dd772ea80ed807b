//! GELU and attention, with faster twins for the CPU.
//!
//! Burn's CPU backend calls the C library's scalar `erf` and `exp` once per value, which takes
//! longer than the matrix products of a small model do. The twins here are plain loops without
//! branches, which the compiler turns into SIMD natively and in WebAssembly; with them a batch
//! through an AST of 258 tokens, 96 wide, takes a quarter of the time. Their tensors never leave
//! the host's memory, so that going through slices costs nothing.

use super::layers::Mask;
use crate::{Error, Result};
use burn::tensor::activation;
use burn::tensor::module;
use burn::tensor::{Device, Tensor};

/// `x Φ(x)`, the exact form of GELU.
pub(super) fn gelu(x: Tensor<3>) -> Result<Tensor<3>> {
    if !on_host(&x.device()) {
        return Ok(activation::gelu(x));
    }
    in_place(x, |values| {
        for_rows(values, CHUNK, |_, values| {
            for value in values {
                *value *= 0.5 + 0.5 * erf(*value * std::f32::consts::FRAC_1_SQRT_2);
            }
        });
    })
}

/// `softmax(Q K^T / sqrt(size) + mask) V`, for tensors `[rows, heads, tokens, size]`.
pub(super) fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, mask: Option<&Mask>) -> Result<Tensor<4>> {
    let [rows, heads, queries, size] = q.dims();
    let tokens = k.dims()[2];
    if !on_host(&q.device()) {
        let bias = mask.map(|mask| mask.bias().expand([rows, 1, queries, tokens]));
        return Ok(module::attention(q, k, v, None, bias, Default::default()));
    }

    let scale = 1.0 / (size as f32).sqrt();
    let pairs = rows * heads;
    let [q, k, v] = [(q, queries), (k, tokens), (v, tokens)].map(|(x, n)| x.reshape([pairs, n, size]));
    let group = (GROUP_SCORES / (queries * tokens)).max(1);
    let mut parts = Vec::with_capacity(pairs.div_ceil(group));
    for start in (0..pairs).step_by(group) {
        let part = |x: &Tensor<3>| x.clone().narrow(0, start, group.min(pairs - start));
        let scores = part(&q).matmul(part(&k).swap_dims(1, 2));
        let weights = in_place(scores, |scores| {
            for_rows(scores, tokens, |n, scores| {
                let bias = mask.map(|mask| mask.row((start + n / queries) / heads));
                softmax(scores, scale, bias);
            });
        })?;
        parts.push(weights.matmul(part(&v)));
    }
    Ok(Tensor::cat(parts, 0).reshape([rows, heads, queries, size]))
}

/// Attention scores that are computed and used before the next ones are: 1 MB, which stays in a
/// cache on the way from the product to the softmax and on to the next product, and bounds the
/// memory that long inputs take. A quarter and four times as much were no faster; sixteen times as
/// much took half as long again.
const GROUP_SCORES: usize = 1 << 18;

/// Values that one thread takes at a time where rows mean nothing.
const CHUNK: usize = 1 << 14;

/// Whether a device's tensors lie in the host's memory.
pub(super) fn on_host(device: &Device) -> bool {
    #[cfg(feature = "cpu")]
    return *device == Device::flex();
    #[cfg(not(feature = "cpu"))]
    return {
        let _ = device;
        false
    };
}

/// Changes a tensor's values where they lie; only for tensors that are [`on_host`].
pub(super) fn in_place<const D: usize>(x: Tensor<D>, change: impl FnOnce(&mut [f32])) -> Result<Tensor<D>> {
    let device = x.device();
    let failed = |cause: String| Error::internal(format!("a tensor can't be read: {cause}"));
    let mut data = x.try_into_data().map_err(|e| failed(e.to_string()))?;
    change(data.as_mut_slice::<f32>().map_err(|e| failed(format!("{e:?}")))?);
    Ok(Tensor::from_data(data, &device))
}

/// Calls `change` with the number and the values of every row of `length`.
fn for_rows(values: &mut [f32], length: usize, change: impl Fn(usize, &mut [f32]) + Sync) {
    #[cfg(feature = "threads")]
    {
        use rayon::prelude::*;
        // Waking other threads takes some microseconds; below so many values they come too late.
        if values.len() > CHUNK {
            let rows = CHUNK.div_ceil(length);
            values.par_chunks_mut(rows * length).enumerate().for_each(|(chunk, values)| {
                for (n, row) in values.chunks_mut(length).enumerate() {
                    change(chunk * rows + n, row);
                }
            });
            return;
        }
    }
    for (n, row) in values.chunks_mut(length).enumerate() {
        change(n, row);
    }
}

/// Softmax of `scale * scores + bias`, where they lie.
fn softmax(scores: &mut [f32], scale: f32, bias: Option<&[f32]>) {
    match bias {
        Some(bias) => scores.iter_mut().zip(bias).for_each(|(score, bias)| *score = *score * scale + bias),
        None => scores.iter_mut().for_each(|score| *score *= scale),
    }
    let top = fold(scores, f32::NEG_INFINITY, |a, b| if a > b { a } else { b });
    for score in scores.iter_mut() {
        *score = exp(*score - top);
    }
    let share = 1.0 / fold(scores, 0.0, |a, b| a + b);
    for score in scores {
        *score *= share;
    }
}

/// Folds values in eight strands, without which the compiler has to keep to their order and
/// can't use SIMD.
fn fold(values: &[f32], start: f32, f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut strands = [start; 8];
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        for (strand, &value) in strands.iter_mut().zip(chunk) {
            *strand = f(*strand, value);
        }
    }
    strands.into_iter().chain(rest.iter().copied()).fold(start, f)
}

/// `e^x` for `x <= 0`, to 1.3e-7 of the value; exactly 0 where f32 has no normal number left.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    /// Adding this leaves the integer next to a small number in the lowest bits.
    const MAGIC: f32 = 12_582_912.0;
    /// ln 2 in two parts, the first of which has few enough digits to multiply without rounding.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    /// 2^r for r in [-1/2, 1/2], lowest power first; fitted for the least relative error.
    const P: [f32; 7] = [
        1.0,
        std::f32::consts::LN_2,
        0.240_226_46,
        0.055_503_286,
        0.009_618_489,
        0.001_339_993_1,
        0.000_153_458_1,
    ];
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let whole = shifted - MAGIC;
    let rest = ((x - whole * LN_2[0]) - whole * LN_2[1]) * std::f32::consts::LOG2_E;
    let exponent = shifted.to_bits().wrapping_sub(MAGIC.to_bits()).wrapping_add(127) << 23;
    let value = horner(rest, P) * f32::from_bits(exponent);
    // The smallest power whose result is a normal number.
    if x < -87.0 { 0.0 } else { value }
}

/// The error function, to 5e-7.
#[inline(always)]
fn erf(x: f32) -> f32 {
    /// Where erf has reached 1 in f32.
    const END: f32 = 3.92;
    /// erf(x) / x as a quotient of polynomials of x², lowest power first; fitted for the least
    /// absolute error of erf on [-END, END].
    const P: [f32; 6] = [
        std::f32::consts::FRAC_2_SQRT_PI,
        0.192_759_9,
        0.053_059_828,
        0.003_868_11,
        0.000_287_467_76,
        2.034_685_2e-6,
    ];
    const Q: [f32; 6] = [1.0, 0.504_160_7, 0.115_082_8, 0.015_171_881, 0.001_188_049, 3.806_950_2e-5];
    let x = if x < -END { -END } else { x };
    let x = if x > END { END } else { x };
    let square = x * x;
    x * horner(square, P) / horner(square, Q)
}

#[inline(always)]
fn horner<const N: usize>(x: f32, powers: [f32; N]) -> f32 {
    powers.iter().rev().fold(0.0, |sum, &power| sum * x + power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_and_ends_in_nothing() {
        for n in 0..870_000 {
            let x = -(n as f32) * 1e-4;
            let truth = f64::from(x).exp();
            assert!((f64::from(exp(x)) / truth - 1.0).abs() < 2e-7, "{x}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!([exp(-88.0), exp(-1e30), exp(f32::NEG_INFINITY)], [0.0; 3]);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn erf_is_close() {
        // From tables: erf(0.5), erf(1), erf(2), erf(3).
        for (x, truth) in
            [(0.5, 0.520_499_878), (1.0, 0.842_700_793), (2.0, 0.995_322_265), (3.0, 0.999_977_910)]
        {
            assert!((f64::from(erf(x)) - truth).abs() < 5e-7, "{x}");
            assert_eq!(erf(-x), -erf(x));
        }
        assert_eq!(erf(0.0), 0.0);
        assert!((erf(4.0) - 1.0).abs() < 5e-7 && (erf(1e30) - 1.0).abs() < 5e-7);
        assert!(erf(f32::NAN).is_nan());
    }

    #[test]
    fn softmax_sums_to_one_and_hides() {
        for tokens in [1, 7, 8, 9, 100] {
            let mut scores: Vec<f32> = (0..tokens).map(|n| (n * 37 % 11) as f32).collect();
            let mut bias = vec![0.0; tokens];
            bias[1..].iter_mut().step_by(3).for_each(|b| *b = -1e30);
            let truth: Vec<f64> = scores
                .iter()
                .zip(&bias)
                .map(|(s, b)| if *b < 0.0 { 0.0 } else { f64::from(s * 0.5).exp() })
                .collect();
            let sum: f64 = truth.iter().sum();
            softmax(&mut scores, 0.5, Some(&bias));
            for ((score, truth), bias) in scores.iter().zip(truth).zip(bias) {
                assert!((f64::from(*score) - truth / sum).abs() < 1e-6);
                assert_eq!(*score == 0.0, bias < 0.0);
            }
        }
    }
}

#[cfg(test)]
#[cfg(feature = "cpu")]
mod twin_tests {
    use super::*;

    /// Values between -8 and 8 without a pattern.
    fn noise<const D: usize>(shape: [usize; D], seed: u32) -> Tensor<D> {
        super::super::testing::noise(shape, seed) * 8.0
    }

    fn difference<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
        let [a, b] = [a, b].map(|x| x.into_data().try_into_vec::<f32>().unwrap());
        a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn gelu_is_burns() {
        let x = noise([3, 50, 301], 1);
        assert!(difference(gelu(x.clone()).unwrap(), activation::gelu(x)) < 4e-6);
    }

    #[test]
    fn attention_is_burns() {
        // The last one has more scores than a group holds.
        for (rows, heads, queries, tokens, size) in [(2, 3, 5, 5, 4), (3, 2, 1, 9, 8), (2, 2, 400, 400, 3)] {
            let q = noise([rows, heads, queries, size], 1) / 4.0;
            let k = noise([rows, heads, tokens, size], 2) / 4.0;
            let v = noise([rows, heads, tokens, size], 3);
            let mut visible = vec![true; rows * tokens];
            visible[tokens - 1] = false;
            let mask = Mask::new(&visible, [rows, tokens], &Device::flex()).unwrap();
            let bias = mask.bias().expand([rows, 1, queries, tokens]);
            for (mask, bias) in [(None, None), (Some(&mask), Some(bias))] {
                let ours = attention(q.clone(), k.clone(), v.clone(), mask).unwrap();
                let burns =
                    module::attention(q.clone(), k.clone(), v.clone(), None, bias, Default::default());
                assert!(difference(ours, burns) < 2e-5);
            }
        }
    }
}
