//! Open-Unmix against the openunmix package, in a browser's worker: on WebGPU or on the CPU,
//! whichever the build has.
#![cfg(all(target_family = "wasm", any(feature = "cpu", feature = "wgpu")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests count as ordinary functions")]

#[path = "support/golden.rs"]
mod golden;
#[path = "support/unmix_cases.rs"]
mod unmix_cases;

use unmix_cases::{TOLERANCE, run_all};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

#[wasm_bindgen_test]
async fn agrees_with_the_package_on_every_backend() {
    golden::in_a_browser(run_all, TOLERANCE).await;
}
