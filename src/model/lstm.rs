//! LSTMs that run side by side: those of all stems, in both directions, through all excerpts.
//!
//! A recurrence is a long row of small steps, so what it costs is all in the step. On a GPU a step
//! costs its dispatches, whatever it computes; there all groups (a group is one stem's LSTM in one
//! direction) and all excerpts take it as one, in a batched product and some elementwise
//! operations. The CPU's twin is a plain loop for each group, which keeps the weights in the
//! registers' order and needs no memory but its state. What does not depend on the step before,
//! the products with the layer's input, is done for a block of steps at once.

use super::Weights;
use super::kernels::{exp, in_place, on_host};
use crate::{Error, Observer, Result, Stage};
use burn::tensor::activation;
use burn::tensor::{Tensor, TensorData};

/// Multiply-adds of a block of steps: some 20 ms of work natively, less than 100 in WebAssembly,
/// after which the host gets a pause. It also bounds the commands that wait for a GPU.
const BLOCK_WORK: u64 = 1 << 26;
/// Rows of a block's product at the least: with fewer, reading the weights of a large layer takes
/// longer than computing with them.
const LEAST_ROWS: usize = 32;

/// The sizes of an LSTM.
#[derive(Debug, Clone, Copy)]
pub(super) struct LstmSizes {
    /// Width of its input.
    pub(super) input: usize,
    /// Width of its state in each direction.
    pub(super) state: usize,
    pub(super) layers: usize,
    /// 1, or 2 if it also runs backwards.
    pub(super) directions: usize,
}

/// One LSTM for each stem.
pub(super) struct Lstm {
    sizes: LstmSizes,
    layers: Vec<Layer>,
}

struct Layer {
    /// `[stems, directions, width, 4 state]`, by gates: input, forget, output, cell. PyTorch has
    /// the cell's before the output's; this way those that take a sigmoid lie together.
    input: Tensor<4>,
    /// `[stems, directions, 1, 4 state]`.
    bias: Tensor<4>,
    recurrent: Recurrent,
}

/// What a step multiplies the state with.
#[allow(
    clippy::large_enum_variant,
    reason = "there are three of them; whether it is large depends on the backends"
)]
enum Recurrent {
    /// `[groups, state, 4 state]`.
    Device(Tensor<3>),
    /// For each group, [packed](pack).
    Host(Vec<Vec<f32>>),
}

/// What goes from step to step: both `[groups, excerpts, state]`.
#[allow(
    clippy::large_enum_variant,
    reason = "there is one of them; whether it is large depends on the backends"
)]
enum State {
    Device { hidden: Tensor<3>, cell: Tensor<3> },
    Host { hidden: Vec<f32>, cell: Vec<f32> },
}

impl Lstm {
    /// Takes the tensors `STEM.lstm.*` of all `stems`.
    pub(super) fn take(weights: &mut Weights, stems: &[&str], sizes: LstmSizes) -> Result<Self> {
        let layers = (0..sizes.layers).map(|layer| Layer::take(weights, stems, sizes, layer));
        Ok(Self { layers: layers.collect::<Result<_>>()?, sizes })
    }

    /// Runs through `[stems, frames, excerpts, width]` and gives the last layer's states, forward
    /// and then backward ones: `[stems, frames, excerpts, directions * state]`.
    pub(super) async fn forward(&self, mut x: Tensor<4>, observer: &mut impl Observer) -> Result<Tensor<4>> {
        let frames = x.dims()[1];
        for (n, layer) in self.layers.iter().enumerate() {
            let mut done = n * frames;
            let total = self.layers.len() * frames;
            x = layer
                .forward(x, self.sizes, async |steps| {
                    done += steps;
                    observer.report(Stage::Separate, done, total);
                    observer.check().await
                })
                .await?;
        }
        Ok(x)
    }
}

impl Layer {
    fn take(weights: &mut Weights, stems: &[&str], sizes: LstmSizes, layer: usize) -> Result<Self> {
        let LstmSizes { state, directions, .. } = sizes;
        let width = if layer == 0 { sizes.input } else { state * directions };
        let (mut inputs, mut biases, mut recurrents) = (Vec::new(), Vec::new(), Vec::new());
        for stem in stems {
            for direction in ["", "_reverse"].iter().take(directions) {
                let name = |part| format!("{stem}.lstm.{part}_l{layer}{direction}");
                let input = weights.take(&name("weight_ih"), [4 * state, width])?;
                let recurrent = weights.take(&name("weight_hh"), [4 * state, state])?;
                let bias: Tensor<1> = weights.take(&name("bias_ih"), [4 * state])?;
                let bias = bias + weights.take(&name("bias_hh"), [4 * state])?;
                inputs.push(by_gates(input).transpose());
                recurrents.push(by_gates(recurrent).transpose());
                biases.push(by_gates(bias));
            }
        }
        let recurrent = if on_host(weights.device()) {
            Recurrent::Host(recurrents.into_iter().map(pack).collect::<Result<_>>()?)
        } else {
            Recurrent::Device(Tensor::stack(recurrents, 0))
        };
        let shape = |width| [stems.len(), directions, width, 4 * state];
        Ok(Self {
            input: Tensor::stack::<3>(inputs, 0).reshape(shape(width)),
            bias: Tensor::stack::<2>(biases, 0).reshape(shape(1)),
            recurrent,
        })
    }

    async fn forward(
        &self,
        x: Tensor<4>,
        sizes: LstmSizes,
        mut pause: impl AsyncFnMut(usize) -> Result<()>,
    ) -> Result<Tensor<4>> {
        let LstmSizes { state, directions, .. } = sizes;
        let [stems, frames, excerpts, width] = x.dims();
        let groups = stems * directions;
        // In 64 bits, since WebAssembly's usize has 32.
        let step_work: u64 = [groups, excerpts, 4 * state, width + state].map(|n| n as u64).iter().product();
        let block = ((BLOCK_WORK / step_work) as usize).max(LEAST_ROWS.div_ceil(excerpts));
        let mut carried = self.start([groups, excerpts, state], &x);
        let (mut forward, mut backward) = (Vec::new(), Vec::new());
        for start in (0..frames).step_by(block) {
            let steps = block.min(frames - start);
            let rows = |x: Tensor<4>| x.reshape([stems, 1, steps * excerpts, width]);
            let mut parts = vec![rows(x.clone().narrow(1, start, steps))];
            if directions == 2 {
                parts.push(rows(x.clone().narrow(1, frames - start - steps, steps).flip([1])));
            }
            let gates = Tensor::cat(parts, 1).matmul(self.input.clone()) + self.bias.clone();
            let gates = gates.reshape([groups, steps, excerpts, 4 * state]);
            let states = self.run(gates, &mut carried)?.reshape([stems, directions, steps, excerpts * state]);
            let part =
                |direction| states.clone().narrow(1, direction, 1).reshape([stems, steps, excerpts, state]);
            forward.push(part(0));
            if directions == 2 {
                backward.push(part(1).flip([1]));
            }
            carried.settle().await?;
            pause(steps).await?;
        }
        let mut out = vec![Tensor::cat(forward, 1)];
        if directions == 2 {
            backward.reverse();
            out.push(Tensor::cat(backward, 1));
        }
        Ok(Tensor::cat(out, 3))
    }

    fn start(&self, shape: [usize; 3], like: &Tensor<4>) -> State {
        match self.recurrent {
            Recurrent::Device(_) => {
                let zeros = Tensor::zeros(shape, &like.device());
                State::Device { hidden: zeros.clone(), cell: zeros }
            }
            Recurrent::Host(_) => {
                let zeros = vec![0.0; shape.iter().product()];
                State::Host { hidden: zeros.clone(), cell: zeros }
            }
        }
    }

    /// Takes the steps of `gates`, `[groups, steps, excerpts, 4 state]` without what comes from the
    /// state, and gives the states, `[groups, steps, excerpts, state]`.
    fn run(&self, gates: Tensor<4>, carried: &mut State) -> Result<Tensor<4>> {
        match (&self.recurrent, carried) {
            (Recurrent::Device(weights), State::Device { hidden, cell }) => {
                Ok(run_on_device(gates, weights, hidden, cell))
            }
            (Recurrent::Host(weights), State::Host { hidden, cell }) => {
                run_on_host(gates, weights, hidden, cell)
            }
            _ => Err(Error::internal("an LSTM's weights and state are in different places")),
        }
    }
}

impl State {
    /// Waits until a GPU has done what it was told, so that its queue does not grow without bound.
    async fn settle(&self) -> Result<()> {
        if let Self::Device { hidden, .. } = self {
            let value = hidden.clone().slice([0..1, 0..1, 0..1]);
            value
                .into_data_async()
                .await
                .map_err(|e| Error::device(format!("the GPU stopped working: {e}")))?;
        }
        Ok(())
    }
}

fn run_on_device(
    gates: Tensor<4>,
    weights: &Tensor<3>,
    hidden: &mut Tensor<3>,
    cell: &mut Tensor<3>,
) -> Tensor<4> {
    let [groups, steps, excerpts, width] = gates.dims();
    let state = width / 4;
    let mut states = Vec::with_capacity(steps);
    for step in 0..steps {
        let gates = gates.clone().narrow(1, step, 1).reshape([groups, excerpts, width]);
        let gates = gates + hidden.clone().matmul(weights.clone());
        let open = activation::sigmoid(gates.clone().narrow(2, 0, 3 * state));
        let new = gates.narrow(2, 3 * state, state).tanh();
        let gate = |n: usize| open.clone().narrow(2, n * state, state);
        *cell = gate(1) * cell.clone() + gate(0) * new;
        *hidden = gate(2) * cell.clone().tanh();
        states.push(hidden.clone());
    }
    Tensor::stack(states, 1)
}

fn run_on_host(
    gates: Tensor<4>,
    weights: &[Vec<f32>],
    hidden: &mut [f32],
    cell: &mut [f32],
) -> Result<Tensor<4>> {
    let [groups, steps, excerpts, width] = gates.dims();
    let device = gates.device();
    let state = width / 4;
    let mut states = vec![0.0; groups * steps * excerpts * state];
    in_place(gates, |gates| {
        let size = excerpts * state;
        let runs = gates.chunks(4 * steps * size).zip(states.chunks_mut(steps * size));
        let carried = hidden.chunks_mut(size).zip(cell.chunks_mut(size));
        let groups = runs.zip(carried).zip(weights).map(|(((gates, states), (hidden, cell)), weights)| {
            (gates, weights, Carried { hidden, cell }, states)
        });
        let run = |(gates, weights, carried, states): Group<'_>| {
            run_group(gates, weights, carried, state, states);
        };
        #[cfg(feature = "threads")]
        {
            use rayon::prelude::*;
            groups.collect::<Vec<_>>().into_par_iter().for_each(run);
        }
        #[cfg(not(feature = "threads"))]
        groups.for_each(run);
    })?;
    Ok(Tensor::from_data(TensorData::new(states, [groups, steps, excerpts, state]), &device))
}

/// A group's gates, packed weights, what it carries along, and where its states go.
type Group<'a> = (&'a [f32], &'a Vec<f32>, Carried<'a>, &'a mut [f32]);

/// Outputs that are summed at once: eight SIMD registers of four, of the sixteen that every CPU
/// of 64 bits has.
const LANES: usize = 32;

/// Lays `[state, 4 state]` out as the loop reads it: for [`LANES`] columns after the other, the
/// rows' values in them. The last columns are filled up with zeros.
fn pack(weights: Tensor<2>) -> Result<Vec<f32>> {
    let [state, width] = weights.dims();
    let mut packed = Vec::with_capacity(state * width.next_multiple_of(LANES));
    in_place(weights, |weights| {
        for start in (0..width).step_by(LANES) {
            for row in weights.chunks(width) {
                let part = &row[start..width.min(start + LANES)];
                packed.extend_from_slice(part);
                packed.extend(std::iter::repeat_n(0.0, LANES - part.len()));
            }
        }
    })?;
    Ok(packed)
}

/// A group's part of [`State`].
struct Carried<'a> {
    hidden: &'a mut [f32],
    cell: &'a mut [f32],
}

/// Takes a group's steps. The rows of `gates` and `states` are excerpt by excerpt in each step.
fn run_group(gates: &[f32], weights: &[f32], carried: Carried<'_>, state: usize, states: &mut [f32]) {
    let Carried { hidden, cell } = carried;
    let excerpts = hidden.len() / state;
    let padded = (4 * state).next_multiple_of(LANES);
    let mut sums = vec![0.0; excerpts * padded];
    let steps = gates.chunks(4 * hidden.len()).zip(states.chunks_mut(hidden.len()));
    for (gates, states) in steps {
        for (n, weights) in weights.chunks(LANES * state).enumerate() {
            for (hidden, sums) in hidden.chunks(state).zip(sums.chunks_mut(padded)) {
                let mut lanes = [0.0f32; LANES];
                for (&value, weights) in hidden.iter().zip(weights.as_chunks::<LANES>().0) {
                    for (lane, weight) in lanes.iter_mut().zip(weights) {
                        *lane += value * weight;
                    }
                }
                sums[n * LANES..][..LANES].copy_from_slice(&lanes);
            }
        }
        let rows = gates.chunks(4 * state).zip(sums.chunks(padded));
        let values = hidden.chunks_mut(state).zip(cell.chunks_mut(state));
        for ((gates, sums), (hidden, cell)) in rows.zip(values) {
            step(gates, &sums[..4 * state], hidden, cell);
        }
        states.copy_from_slice(hidden);
    }
}

/// The elementwise part of a step, for gates that are the sum of both parts.
fn step(gates: &[f32], sums: &[f32], hidden: &mut [f32], cell: &mut [f32]) {
    let state = hidden.len();
    let part = |n: usize| (&gates[n * state..][..state], &sums[n * state..][..state]);
    let [(input, input_sum), (forget, forget_sum), (output, output_sum), (new, new_sum)] =
        [0, 1, 2, 3].map(part);
    let cell = &mut cell[..state];
    for i in 0..state {
        let kept = sigmoid(forget[i] + forget_sum[i]) * cell[i];
        let value = kept + sigmoid(input[i] + input_sum[i]) * tanh(new[i] + new_sum[i]);
        cell[i] = value;
        hidden[i] = sigmoid(output[i] + output_sum[i]) * tanh(value);
    }
}

/// `1 / (1 + e^-x)`, to 1.2e-7.
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    let small = exp(-x.abs());
    let share = 1.0 / (1.0 + small);
    if x < 0.0 { small * share } else { share }
}

/// The hyperbolic tangent, to 1.2e-7.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    let small = exp(-2.0 * x.abs());
    ((1.0 - small) / (1.0 + small)).copysign(x)
}

/// Puts the rows of PyTorch's gates (input, forget, cell, output) into our order.
fn by_gates<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let state = x.dims()[0] / 4;
    let part = |start: usize, count: usize| x.clone().narrow(0, start * state, count * state);
    Tensor::cat(vec![part(0, 2), part(3, 1), part(2, 1)], 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigmoid_and_tanh_are_close() {
        for n in -400_000..=400_000 {
            let x = n as f32 * 1e-4;
            let exact = f64::from(x);
            assert!((f64::from(sigmoid(x)) - 1.0 / (1.0 + (-exact).exp())).abs() < 1.2e-7, "{x}");
            assert!((f64::from(tanh(x)) - exact.tanh()).abs() < 1.2e-7, "{x}");
        }
        assert_eq!([sigmoid(1e30), sigmoid(-1e30), tanh(1e30), tanh(-1e30)], [1.0, 0.0, 1.0, -1.0]);
        assert_eq!([sigmoid(f32::INFINITY), tanh(f32::NEG_INFINITY)], [1.0, -1.0]);
        assert!(sigmoid(f32::NAN).is_nan() && tanh(f32::NAN).is_nan());
    }
}

#[cfg(test)]
#[cfg(feature = "cpu")]
mod twin_tests {
    use super::super::testing::noise;
    use super::*;
    use crate::{ErrorKind, Flow, Quiet};

    fn layer(stems: usize, sizes: LstmSizes) -> Layer {
        let LstmSizes { input, state, directions, .. } = sizes;
        Layer {
            input: noise([stems, directions, input, 4 * state], 1) / (input as f32).sqrt(),
            bias: noise([stems, directions, 1, 4 * state], 2),
            recurrent: Recurrent::Device(
                noise([stems * directions, state, 4 * state], 3) / (state as f32).sqrt(),
            ),
        }
    }

    /// The same with the weights for the host's loop.
    fn twin(layer: &Layer) -> Layer {
        let Recurrent::Device(weights) = &layer.recurrent else { panic!("no twin of a twin") };
        let [groups, state, width] = weights.dims();
        let group = |n| pack(weights.clone().narrow(0, n, 1).reshape([state, width])).unwrap();
        Layer {
            input: layer.input.clone(),
            bias: layer.bias.clone(),
            recurrent: Recurrent::Host((0..groups).map(group).collect()),
        }
    }

    fn run(layer: &Layer, x: &Tensor<4>, sizes: LstmSizes) -> Vec<f32> {
        let out = pollster::block_on(layer.forward(x.clone(), sizes, async |_| Ok(()))).unwrap();
        assert_eq!(out.dims()[3], sizes.state * sizes.directions);
        out.into_data().try_into_vec().unwrap()
    }

    #[test]
    fn the_hosts_loop_is_the_devices_recurrence() {
        // The last one takes several blocks.
        for (stems, frames, excerpts, state, directions) in
            [(1, 1, 1, 1, 1), (4, 9, 1, 6, 2), (2, 5, 3, 8, 2), (3, 7, 2, 11, 1), (2, 70, 3, 150, 2)]
        {
            let sizes = LstmSizes { input: 5, state, layers: 1, directions };
            let layer = layer(stems, sizes);
            let x = noise([stems, frames, excerpts, 5], 4);
            let [ours, theirs] = [run(&twin(&layer), &x, sizes), run(&layer, &x, sizes)];
            let largest = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(largest < 2e-6, "{largest}");
        }
    }

    #[test]
    fn excerpts_know_nothing_of_each_other() {
        let sizes = LstmSizes { input: 3, state: 5, layers: 1, directions: 2 };
        let layer = twin(&layer(2, sizes));
        let x = noise([2, 40, 3, 3], 5);
        let together = run(&layer, &x, sizes);
        for excerpt in 0..3 {
            let alone = run(&layer, &x.clone().narrow(2, excerpt, 1), sizes);
            for (n, row) in alone.chunks(10).enumerate() {
                assert_eq!(row, &together[(n * 3 + excerpt) * 10..][..10]);
            }
        }
    }

    #[test]
    fn a_stop_is_obeyed() {
        struct Stop;
        impl Observer for Stop {
            fn report(&mut self, _: Stage, done: usize, total: usize) {
                assert!(done <= total);
            }
            async fn pause(&mut self) -> Flow {
                Flow::Stop
            }
        }
        let sizes = LstmSizes { input: 3, state: 5, layers: 2, directions: 2 };
        let second = LstmSizes { input: 10, ..sizes };
        let lstm = Lstm { sizes, layers: vec![twin(&layer(2, sizes)), twin(&layer(2, second))] };
        let x = noise([2, 4, 1, 3], 5);
        let stopped = pollster::block_on(lstm.forward(x.clone(), &mut Stop)).unwrap_err();
        assert_eq!(stopped.kind(), ErrorKind::Cancelled);
        assert_eq!(pollster::block_on(lstm.forward(x, &mut Quiet)).unwrap().dims(), [2, 4, 1, 10]);
    }
}
