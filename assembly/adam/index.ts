// One step of Adam or AdamW on vectors in memory, in one pass over each. The module has no data of its own: its caller
// gives the memory and places the vectors in it.

const LANES: usize = 4;
const LANE_BYTES: usize = 4;

/**
 * Replaces a parameter and its moments by those after the step:
 *
 *     gradient += decay · parameter                             (Adam's weight decay; 0 for AdamW)
 *     first     = beta1 · first + (1 − beta1) · gradient
 *     second    = beta2 · second + (1 − beta2) · gradient²
 *     parameter = shrinkage · parameter − rate · first / (√second + floor)
 *
 * All vectors lie at multiples of 16 bytes and have room for `length` rounded up to four numbers.
 */
export function adam(
  parameter: usize,
  first: usize,
  second: usize,
  gradient: usize,
  length: usize,
  beta1: f32,
  fresh1: f32,
  beta2: f32,
  fresh2: f32,
  decay: f32,
  shrinkage: f32,
  rate: f32,
  floor: f32,
): void {
  const kept1 = f32x4.splat(beta1);
  const new1 = f32x4.splat(fresh1);
  const kept2 = f32x4.splat(beta2);
  const new2 = f32x4.splat(fresh2);
  const decays = f32x4.splat(decay);
  const shrinkages = f32x4.splat(shrinkage);
  const rates = f32x4.splat(rate);
  const floors = f32x4.splat(floor);
  const end = ((length + LANES - 1) & ~(LANES - 1)) * LANE_BYTES;
  for (let at: usize = 0; at < end; at += LANES * LANE_BYTES) {
    const before = v128.load(parameter + at);
    const slope = f32x4.add(v128.load(gradient + at), f32x4.mul(before, decays));
    const mean = f32x4.add(f32x4.mul(v128.load(first + at), kept1), f32x4.mul(slope, new1));
    const square = f32x4.mul(f32x4.mul(slope, slope), new2);
    const variance = f32x4.add(f32x4.mul(v128.load(second + at), kept2), square);
    const change = f32x4.mul(f32x4.div(mean, f32x4.add(f32x4.sqrt(variance), floors)), rates);
    v128.store(first + at, mean);
    v128.store(second + at, variance);
    v128.store(parameter + at, f32x4.sub(f32x4.mul(before, shrinkages), change));
  }
}
