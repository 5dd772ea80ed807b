//! Open-Unmix against the openunmix package, in a browser's worker: on WebGPU or on the CPU,
//! whichever the build has.
#![cfg(all(target_family = "wasm", any(feature = "cpu", feature = "wgpu")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests count as ordinary functions")]

#[path = "support/unmix_cases.rs"]
mod unmix_cases;

use musiclime::model::Backend;
use unmix_cases::{TOLERANCE, run_all};
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

#[wasm_bindgen_test]
async fn agrees_with_the_package_on_every_backend() {
    for &backend in Backend::BUILT {
        let differences = run_all(backend).await.unwrap();
        for difference in &differences {
            console_log!("{backend} {:30} {:.2e}", difference.what, difference.largest);
            assert!(difference.largest <= TOLERANCE, "{backend} {}", difference.what);
        }
        let largest = differences.iter().map(|d| d.largest).fold(0.0, f32::max);
        console_log!("{backend}: largest difference {largest:.2e}");
    }
}
