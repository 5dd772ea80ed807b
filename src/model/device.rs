//! Where a model computes.

use crate::{Error, Result};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a model computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// A GPU where there is a real one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// WebGPU in a browser; Vulkan, Metal or DirectX elsewhere.
    Wgpu,
}

impl Backend {
    /// The backends of this build, the preferred one for small models first.
    pub const BUILT: &'static [Backend] = &[
        #[cfg(feature = "cpu")]
        Backend::Cpu,
        #[cfg(feature = "wgpu")]
        Backend::Wgpu,
    ];

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Auto => "auto",
            Backend::Cpu => "cpu",
            Backend::Wgpu => "wgpu",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Backend {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        [Backend::Auto, Backend::Cpu, Backend::Wgpu]
            .into_iter()
            .find(|backend| backend.name() == name)
            .ok_or_else(|| Error::input(format!("unknown backend \"{name}\"")).hint("use auto, cpu or wgpu"))
    }
}

/// The backend's name for people.
pub fn backend_name(backend: Backend) -> &'static str {
    match backend {
        Backend::Auto => "automatic",
        Backend::Cpu if cfg!(target_family = "wasm") => "CPU (WebAssembly)",
        Backend::Cpu => "CPU",
        Backend::Wgpu if cfg!(target_family = "wasm") => "WebGPU",
        Backend::Wgpu => "GPU",
    }
}

/// Opens a device, and says which backend it became.
///
/// [`Backend::Auto`] takes the GPU if the adapter that the system offers is a discrete, an
/// integrated or a virtual one, and the CPU otherwise: an adapter that is itself made of software
/// is some hundred times slower than our own CPU code. A browser does not say what its adapter is
/// made of, so there `Auto` takes what the build has, the CPU if it has both; measuring is the
/// caller's business.
///
/// A GPU is opened with all that its adapter grants, not with WebGPU's modest default limits.
/// Opening it again gives the same device.
///
/// # Errors
/// [`ErrorKind::Device`](crate::ErrorKind::Device) if the backend is not part of this build, or
/// there is no adapter.
pub async fn device(backend: Backend) -> Result<(Device, Backend)> {
    match backend {
        Backend::Cpu => Ok((cpu()?, Backend::Cpu)),
        Backend::Wgpu => Ok((wgpu().await?.0, Backend::Wgpu)),
        Backend::Auto if !cfg!(feature = "wgpu") => Ok((cpu()?, Backend::Cpu)),
        Backend::Auto if !cfg!(feature = "cpu") => Ok((wgpu().await?.0, Backend::Wgpu)),
        Backend::Auto if cfg!(target_family = "wasm") => Ok((cpu()?, Backend::Cpu)),
        Backend::Auto => match wgpu().await {
            Ok((device, Adapter::Hardware)) => Ok((device, Backend::Wgpu)),
            Ok((_, Adapter::SoftwareOrUnknown)) | Err(_) => Ok((cpu()?, Backend::Cpu)),
        },
    }
}

#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "wgpu"), expect(dead_code, reason = "nobody asks a CPU what it is made of"))]
enum Adapter {
    Hardware,
    SoftwareOrUnknown,
}

#[cfg(feature = "cpu")]
fn cpu() -> Result<Device> {
    Ok(Device::flex())
}

#[cfg(not(feature = "cpu"))]
fn cpu() -> Result<Device> {
    Err(not_built(Backend::Cpu))
}

#[cfg(feature = "wgpu")]
async fn wgpu() -> Result<(Device, Adapter)> {
    use burn::tensor::DeviceKind;
    use burn::tensor::wgpu::{WgpuInitError, wgpu::DeviceType};
    use std::sync::OnceLock;

    // The runtime is registered once per process and can't be asked afterwards what it runs on.
    static OPENED: OnceLock<Adapter> = OnceLock::new();

    let handle = || Device::wgpu(DeviceKind::DefaultDevice);
    if let Some(&adapter) = OPENED.get() {
        return Ok((handle(), adapter));
    }
    match Device::wgpu_options().init_with_setup_async().await {
        Ok((device, setup)) => {
            let adapter = match setup.adapter.get_info().device_type {
                DeviceType::DiscreteGpu | DeviceType::IntegratedGpu | DeviceType::VirtualGpu => {
                    Adapter::Hardware
                }
                DeviceType::Cpu | DeviceType::Other => Adapter::SoftwareOrUnknown,
            };
            Ok((device, *OPENED.get_or_init(|| adapter)))
        }
        // Someone else registered the runtime while this call waited for its adapter.
        Err(WgpuInitError::Registration { .. }) => {
            Ok((handle(), OPENED.get().copied().unwrap_or(Adapter::SoftwareOrUnknown)))
        }
        Err(cause) => {
            let other = if cfg!(feature = "cpu") { "use the cpu backend" } else { "use the CPU engine" };
            Err(Error::device(format!("no GPU can be used: {cause}")).hint(other))
        }
    }
}

#[cfg(not(feature = "wgpu"))]
async fn wgpu() -> Result<(Device, Adapter)> {
    Err(not_built(Backend::Wgpu))
}

#[cfg(not(all(feature = "cpu", feature = "wgpu")))]
fn not_built(backend: Backend) -> Error {
    let built: Vec<_> = Backend::BUILT.iter().map(|backend| backend.name()).collect();
    Error::device(format!("the {backend} backend is not part of this build"))
        .hint(format!("use {}, or build with the feature {backend}", built.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for backend in [Backend::Auto, Backend::Cpu, Backend::Wgpu] {
            assert_eq!(backend.to_string().parse::<Backend>().unwrap(), backend);
            assert_eq!(serde_json::to_string(&backend).unwrap(), format!("\"{backend}\""));
        }
        assert!("gpu".parse::<Backend>().unwrap_err().to_string().contains("auto, cpu or wgpu"));
    }

    #[cfg(not(target_family = "wasm"))]
    #[test]
    fn every_backend_opens_or_says_why_not() {
        for &backend in Backend::BUILT {
            match pollster::block_on(device(backend)) {
                Ok((_, became)) => assert_eq!(became, backend),
                Err(e) => {
                    assert_eq!(e.kind(), crate::ErrorKind::Device);
                    assert!(e.next_step().is_some());
                }
            }
        }
        let (_, became) = pollster::block_on(device(Backend::Auto)).unwrap();
        assert_ne!(became, Backend::Auto);
    }
}
