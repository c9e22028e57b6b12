//! The source against kernels that are played.

mod faults;
mod kernel;
mod links;
mod speeds;

use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use self::kernel::{
    AskedFor, EIO, ETHTOOL, PlayedInterface, RTM_GETLINK, done, link_modes, pair, play, refusal,
};
use super::speed_backend::Backend;
use super::{Netlink, Sockets, SpeedThread};
use crate::model::interface::Wants;

/// What a kernel does that is played for other modules.
#[derive(Debug)]
pub(crate) struct Kernel {
    fails: Arc<AtomicBool>,
    hangs: Arc<AtomicBool>,
    _events: UnixDatagram,
}

impl Kernel {
    /// It has one interface, `eth0`, whose counters are 2.
    pub(crate) fn start(speed_thread: &SpeedThread) -> (Netlink, Self) {
        let flags = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let [is_failing, is_hanging] = flags.clone();
        let [fails, hangs] = flags;
        let (requests, _) = play(move |request| {
            let eth0 = PlayedInterface::device(2, "eth0");
            match request.asked {
                _ if is_failing.load(Ordering::Relaxed) => vec![refusal(EIO)],
                AskedFor::All(RTM_GETLINK) => vec![eth0.link(), done(0)],
                AskedFor::One(RTM_GETLINK, _) => vec![eth0.link()],
                AskedFor::All(_) => vec![eth0.stats(), done(0)],
                AskedFor::One(..) => vec![eth0.stats()],
            }
        });
        let (ethtool, _) = play(move |_| {
            while is_hanging.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(5));
            }
            vec![link_modes(2, 1000)]
        });
        let (events, sender) = pair();
        let backend = Backend::Ethtool(ethtool, ETHTOOL);
        let sockets = Sockets { requests, events, backend, class_net: None };
        let netlink = Netlink::new(sockets, speed_thread, Wants::default());
        (netlink, Self { fails, hangs, _events: sender })
    }

    /// Whether it fails from now on.
    pub(crate) fn set_failing(&self, fails: bool) {
        self.fails.store(fails, Ordering::Relaxed);
    }

    /// Its driver does not answer from now on, until this is dropped.
    pub(crate) fn hang(&self) {
        self.hangs.store(true, Ordering::Relaxed);
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.hangs.store(false, Ordering::Relaxed);
    }
}

/// Waits until something is so.
pub(crate) fn eventually(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "it never is");
        thread::sleep(Duration::from_millis(5));
    }
}
