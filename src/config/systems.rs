//! The systems that this program runs on, and which of them can have an option.

use std::env;
use std::fmt;

/// A system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Linux.
    Linux,
    /// FreeBSD.
    FreeBsd,
    /// OpenBSD.
    OpenBsd,
    /// NetBSD.
    NetBsd,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

/// Linux alone.
pub const LINUX: &[System] = &[System::Linux];

/// Those with `sysctl` and `netstat`.
pub const BSD: &[System] = &[System::FreeBsd, System::OpenBsd, System::NetBsd, System::MacOs];

/// All but macOS, which tells no address.
pub const WITH_ADDRESSES: &[System] =
    &[System::Linux, System::FreeBsd, System::OpenBsd, System::NetBsd, System::Windows];

/// Those that tell what is a device and what was made by software.
pub const WITH_DEVICES: &[System] = &[System::Linux, System::Windows];

impl System {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Linux, Self::FreeBsd, Self::OpenBsd, Self::NetBsd, Self::MacOs, Self::Windows];

    /// The one that this program was built for.
    #[must_use]
    pub fn current() -> Self {
        Self::ALL
            .into_iter()
            .find(|system| system.rust_name() == env::consts::OS)
            .unwrap_or(Self::Linux)
    }

    /// As [`std::env::consts::OS`] has it.
    fn rust_name(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::FreeBsd => "freebsd",
            Self::OpenBsd => "openbsd",
            Self::NetBsd => "netbsd",
            Self::MacOs => "macos",
            Self::Windows => "windows",
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::FreeBsd => "FreeBSD",
            Self::OpenBsd => "OpenBSD",
            Self::NetBsd => "NetBSD",
            Self::MacOs => "macOS",
            Self::Windows => "Windows",
        }
    }
}

impl System {
    /// Where this program usually lies.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Linux => "/usr/bin/telegraf-net",
            Self::FreeBsd | Self::OpenBsd | Self::NetBsd | Self::MacOs => {
                "/usr/local/bin/telegraf-net"
            }
            Self::Windows => r"C:\Program Files\telegraf-net\telegraf-net.exe",
        }
    }

    /// Where a configuration of that name usually lies.
    #[must_use]
    pub fn plugin_conf(self, name: &str) -> String {
        let folder = match self {
            Self::Linux => "/etc/telegraf-net/",
            Self::FreeBsd | Self::OpenBsd | Self::NetBsd | Self::MacOs => {
                "/usr/local/etc/telegraf-net/"
            }
            Self::Windows => r"C:\Program Files\telegraf-net\",
        };
        format!("{folder}{name}")
    }

    /// Where a file with the block that runs this program usually lies, which Telegraf reads.
    #[must_use]
    pub fn telegraf_d(self) -> &'static str {
        match self {
            Self::Linux => "/etc/telegraf/telegraf.d/telegraf-net.conf",
            Self::FreeBsd | Self::OpenBsd | Self::NetBsd | Self::MacOs => {
                "/usr/local/etc/telegraf.d/telegraf-net.conf"
            }
            Self::Windows => r"C:\Program Files\telegraf\telegraf.d\telegraf-net.conf",
        }
    }
}

/// A path as it stands in a file of TOML.
#[must_use]
pub fn quoted_path(path: &str) -> String {
    // In single quotes, a backslash is a backslash.
    if path.contains(['\\', '"']) && !path.contains('\'') {
        format!("'{path}'")
    } else {
        format!("{path:?}")
    }
}

/// Some systems, for a message: `FreeBSD, OpenBSD and macOS`.
#[derive(Debug, Clone, Copy)]
pub struct Systems(pub &'static [System]);

impl fmt::Display for Systems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.0.len().saturating_sub(1);
        for (number, system) in self.0.iter().enumerate() {
            let before = match number {
                0 => "",
                number if number == last => " and ",
                _ => ", ",
            };
            write!(f, "{before}{}", system.name())?;
        }
        Ok(())
    }
}
