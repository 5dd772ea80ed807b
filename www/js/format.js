/** Numbers as people read them. */

/** @param {number} p */
export const percent = (p) => `${(100 * p).toFixed(p > 0.0995 && p < 0.9995 ? 0 : 1)} %`;

/**
 * A weight with its sign always said; the minus is the typographic one, as wide as the plus.
 * @param {number} weight
 */
export function signed(weight) {
  const size = Math.abs(weight);
  const digits = size >= 0.001 || size === 0 ? size.toFixed(4) : size.toExponential(1);
  return (weight < 0 ? "−" : "+") + digits;
}

/**
 * Minutes and seconds, tenths where asked for.
 * @param {number} seconds
 * @param {number} [digits]
 */
export function clock(seconds, digits = 0) {
  const unit = 10 ** digits;
  const rounded = Math.round(seconds * unit) / unit;
  const minutes = Math.floor(rounded / 60);
  const rest = (rounded - 60 * minutes).toFixed(digits);
  return `${minutes}:${rest.padStart(digits ? digits + 3 : 2, "0")}`;
}

/** @param {number} bytes */
export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/**
 * A duration in words, coarse enough for an estimate.
 * @param {number} seconds
 */
export function about(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.ceil(seconds))} s`;
  return `${Math.ceil(seconds / 60)} min`;
}
