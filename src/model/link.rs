//! The link of an interface: its state, and what its driver tells of it.

use super::Unit;

/// The device flags of an interface, `IFF_*` of `linux/if.h`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags(pub u32);

impl Flags {
    /// `IFF_UP`, which is the same on all systems of the Unix family.
    pub const UP: u32 = 0x1;
    /// `IFF_LOOPBACK`, which is too.
    pub const LOOPBACK: u32 = 0x8;

    /// Those of an interface of which a system tells just these two.
    #[must_use]
    pub fn of(is_up: bool, is_loopback: bool) -> Self {
        let up = if is_up { Self::UP } else { 0 };
        Self(up | if is_loopback { Self::LOOPBACK } else { 0 })
    }

    /// Whether the interface is administratively up (`IFF_UP`); its carrier does not matter.
    #[must_use]
    pub fn is_up(self) -> bool {
        self.0 & Self::UP != 0
    }

    /// Whether the interface is a loopback (`IFF_LOOPBACK`), whatever its name.
    #[must_use]
    pub fn is_loopback(self) -> bool {
        self.0 & Self::LOOPBACK != 0
    }
}

/// The speed of an interface that has none to tell: it is down, virtual, or its driver keeps quiet.
pub const SPEED_UNKNOWN: i64 = -1;

/// Whether a value of `/sys/class/net/<interface>/speed` is a speed at all: a driver may also say that
/// it is unknown by setting all bits, 32 (`SPEED_UNKNOWN` of `linux/ethtool.h`, unsigned) or the 16 that
/// `struct ethtool_cmd` has in `speed`.
#[must_use]
pub fn is_known_speed(speed_mbits: i64) -> bool {
    const ALL_BITS: [i64; 2] = [0xffff, 0xffff_ffff];
    speed_mbits > 0 && !ALL_BITS.contains(&speed_mbits)
}

/// What the driver of an interface that is up tells of its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkModes {
    /// In Mbit/s; [`SPEED_UNKNOWN`] when it tells none.
    pub speed_mbits: i64,
    /// `None` when it tells none.
    pub duplex: Option<Duplex>,
}

/// Whether both sides can send at once, in the words of `/sys/class/net/<interface>/duplex`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplex {
    /// They cannot.
    Half,
    /// They can.
    Full,
    /// The driver does not know.
    Unknown,
}

impl Duplex {
    /// The kernel's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Half => "half",
            Self::Full => "full",
            Self::Unknown => "unknown",
        }
    }
}

/// The operational state of RFC 2863.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operstate {
    /// Nobody tells, as of loopbacks and of many virtual devices, which work all the same.
    Unknown,
    /// A part is missing, most often the hardware.
    NotPresent,
    /// It cannot pass packets.
    Down,
    /// What it lies upon is down.
    LowerLayerDown,
    /// It is being tested, and passes no packets of others.
    Testing,
    /// It waits for something, such as to be authenticated.
    Dormant,
    /// It can pass packets.
    Up,
}

impl Operstate {
    /// All of them, in the order of the kernel's `IF_OPER_*` (`linux/if.h`), which `IFLA_OPERSTATE` counts.
    pub const ALL: [Self; 7] = [
        Self::Unknown,
        Self::NotPresent,
        Self::Down,
        Self::LowerLayerDown,
        Self::Testing,
        Self::Dormant,
        Self::Up,
    ];

    /// The kernel's word, in `/sys/class/net/<interface>/operstate`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::NotPresent => "notpresent",
            Self::Down => "down",
            Self::LowerLayerDown => "lowerlayerdown",
            Self::Testing => "testing",
            Self::Dormant => "dormant",
            Self::Up => "up",
        }
    }

    /// The number of `ifOperStatus` in the IF-MIB (RFC 2863), which Windows has too.
    #[must_use]
    pub fn if_mib(self) -> u32 {
        match self {
            Self::Up => 1,
            Self::Down => 2,
            Self::Testing => 3,
            Self::Unknown => 4,
            Self::Dormant => 5,
            Self::NotPresent => 6,
            Self::LowerLayerDown => 7,
        }
    }
}

/// The state of a link, which `link_state = true` adds. `None` is what the source does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkState {
    /// The kernel's number of the interface in its network namespace.
    pub ifindex: Option<u32>,
    /// Its flags: whether it is administratively up.
    pub flags: Option<Flags>,
    /// Whether it shall be tested, which only Windows tells; it is not administratively up then.
    pub is_admin_testing: bool,
    /// Whether the driver sees a carrier; only while the interface is up.
    pub carrier: Option<bool>,
    /// What it can do at the moment.
    pub operstate: Option<Operstate>,
    /// The largest packet, in bytes.
    pub mtu: Option<u32>,
    /// How often the carrier came or went.
    pub carrier_changes: Option<u32>,
    /// How often it came.
    pub carrier_up_count: Option<u32>,
    /// How often it went.
    pub carrier_down_count: Option<u32>,
    /// How many want to see all packets.
    pub promiscuity: Option<u32>,
    /// The length of the transmit queue, in packets.
    pub tx_queue_len: Option<u32>,
}

/// A field of [`LinkState`]: a row of the table.
#[derive(Debug)]
pub struct StateField {
    /// The field's name.
    pub name: &'static str,
    /// What it counts or tells.
    pub unit: Unit,
    /// The kernel's word for it in netlink.
    pub kernel: &'static str,
    /// Since which Linux it is told, where that is later than 3.10.
    pub since: Option<&'static str>,
    /// Its value, where it is known; the second is what the driver tells while the interface is up.
    pub value: fn(&LinkState, Option<Duplex>) -> Option<StateValue>,
}

/// What a field of a link's state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateValue {
    /// A count, a size, or 0 and 1 for no and yes.
    Number(u32),
    /// A word of the kernel's, which needs no escapes.
    Word(&'static str),
}

impl LinkState {
    /// What each field is called and how it is had, in the order in which they are written.
    pub const FIELDS: [StateField; 13] = [
        StateField {
            name: "admin_up",
            unit: Unit::YesNo,
            kernel: "IFF_UP",
            since: None,
            value: |state, _| Some(StateValue::Number(state.flags?.is_up().into())),
        },
        StateField {
            name: "admin_status",
            unit: Unit::Number,
            kernel: "IFF_UP",
            since: None,
            value: |state, _| state.admin_status().map(StateValue::Number),
        },
        StateField {
            name: "oper_status",
            unit: Unit::Number,
            kernel: "IFLA_OPERSTATE",
            since: None,
            value: |state, _| state.operstate.map(Operstate::if_mib).map(StateValue::Number),
        },
        StateField {
            name: "carrier",
            unit: Unit::YesNo,
            kernel: "IFLA_CARRIER",
            since: None,
            value: |state, _| Some(StateValue::Number(state.carrier?.into())),
        },
        StateField {
            name: "mtu",
            unit: Unit::Bytes,
            kernel: "IFLA_MTU",
            since: None,
            value: |state, _| state.mtu.map(StateValue::Number),
        },
        StateField {
            name: "carrier_changes",
            unit: Unit::Count,
            kernel: "IFLA_CARRIER_CHANGES",
            since: Some("3.15"),
            value: |state, _| state.carrier_changes.map(StateValue::Number),
        },
        StateField {
            name: "carrier_up_count",
            unit: Unit::Count,
            kernel: "IFLA_CARRIER_UP_COUNT",
            since: Some("4.16"),
            value: |state, _| state.carrier_up_count.map(StateValue::Number),
        },
        StateField {
            name: "carrier_down_count",
            unit: Unit::Count,
            kernel: "IFLA_CARRIER_DOWN_COUNT",
            since: Some("4.16"),
            value: |state, _| state.carrier_down_count.map(StateValue::Number),
        },
        StateField {
            name: "promiscuity",
            unit: Unit::Count,
            kernel: "IFLA_PROMISCUITY",
            since: None,
            value: |state, _| state.promiscuity.map(StateValue::Number),
        },
        StateField {
            name: "tx_queue_len",
            unit: Unit::Packets,
            kernel: "IFLA_TXQLEN",
            since: None,
            value: |state, _| state.tx_queue_len.map(StateValue::Number),
        },
        StateField {
            name: "ifindex",
            unit: Unit::Number,
            kernel: "ifi_index",
            since: None,
            value: |state, _| state.ifindex.map(StateValue::Number),
        },
        StateField {
            name: "operstate",
            unit: Unit::Word,
            kernel: "IFLA_OPERSTATE",
            since: None,
            value: |state, _| state.operstate.map(Operstate::name).map(StateValue::Word),
        },
        StateField {
            name: "duplex",
            unit: Unit::Word,
            kernel: "ETHTOOL_A_LINKMODES_DUPLEX",
            since: None,
            value: |_, duplex| duplex.map(|duplex| StateValue::Word(duplex.name())),
        },
    ];

    /// The number of `ifAdminStatus` in the IF-MIB (RFC 2863): 1 for up, 2 for down, 3 for testing.
    fn admin_status(&self) -> Option<u32> {
        self.flags.map(|flags| match flags.is_up() {
            true => 1,
            false if self.is_admin_testing => 3,
            false => 2,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_administrative_state_has_the_numbers_of_the_if_mib() {
        let status = |flags: Option<Flags>, is_admin_testing| {
            let state = LinkState { flags, is_admin_testing, ..LinkState::default() };
            let field = LinkState::FIELDS.iter().find(|field| field.name == "admin_status");
            (field.unwrap().value)(&state, None)
        };
        let (up, down) = (Flags::of(true, false), Flags::of(false, false));
        assert_eq!(status(Some(up), false), Some(StateValue::Number(1)));
        assert_eq!(status(Some(down), false), Some(StateValue::Number(2)));
        assert_eq!(status(Some(down), true), Some(StateValue::Number(3)));
        assert_eq!(status(None, false), None);
    }
}
