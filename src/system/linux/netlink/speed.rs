//! Speeds, asked for on a thread of their own: a driver may take seconds to tell, and holds up
//! whoever asks.
//!
//! ```text
//! Speeds ── ask, ask_all, cancel ──> queues of the State ──> the thread ──> Backend ──> driver
//!    ^                               (dumps, quick, slow)                      │
//!    └── take_replies, take_dump_replies ── replies of the Client <────────────┘
//! ```
//!
//! A network namespace is a client, with a backend and replies of its own; the queues and the thread are
//! for all of them. Dumps come first, then drivers that are quick, then those that were slow. One lock
//! guards it all, and nobody holds it while a driver is asked: the thread has the backend for so long.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::io;
use std::num::NonZeroU64;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::PATIENCE;
use super::socket::{Dump, Scratch};
use super::speed_backend::{Backend, NOTHING};
use crate::model::interface::Name;
use crate::model::link::LinkModes;
use crate::parse::netlink::ethtool::LinkModesReply;

/// A driver that takes longer than this is slow: nobody waits for it, and it is asked less often. Other
/// users of the kernel's lock make a quick one wait for less.
pub(super) const SLOW: Duration = Duration::from_millis(100).saturating_mul(PATIENCE);

/// Whoever asks for longer than this holds the kernel's lock up for others.
const STUCK: Duration = Duration::from_millis(20).saturating_mul(PATIENCE);

/// What one interface of a dump may take, for all of them to count as quick.
const QUICK_IN_DUMP: Duration = Duration::from_micros(20).saturating_mul(PATIENCE);

/// What the answer to a query is told by.
pub(super) type QueryId = NonZeroU64;

/// A query about one interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) ifindex: u32,
    /// Where [`Speeds::wants_names`] says so.
    pub(super) name: Name,
    /// Comes back with the answer.
    pub(super) id: QueryId,
    /// Its driver was slow before.
    pub(super) is_slow: bool,
}

/// The answer to a [`Query`]; each has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) ifindex: u32,
    pub(super) id: QueryId,
    /// What the driver tells, that it tells nothing among it; `None` when there was no answer.
    pub(super) link_modes: Option<LinkModes>,
    /// Why sysfs could not be read, if that is why there was none.
    pub(super) unread: Option<Errno>,
    /// How long the driver took; `None` when it was not asked, because the query was withdrawn.
    pub(super) took: Option<Duration>,
}

/// What a dump told: the answers to all queries of that id. One that was not made told nothing.
#[derive(Debug)]
pub(super) struct DumpReply {
    pub(super) id: QueryId,
    /// How long each driver took, where all were quick.
    pub(super) took: Option<Duration>,
    /// In the order of the interfaces' numbers.
    replies: Vec<LinkModesReply>,
    /// Whether the dump got to its end.
    is_whole: bool,
}

impl Reply {
    fn to(query: &Query, answer: Result<Option<LinkModes>, Errno>, took: Option<Duration>) -> Self {
        let Query { ifindex, id, .. } = *query;
        let unread = answer.err();
        Self { ifindex, id, link_modes: answer.unwrap_or_default(), unread, took }
    }
}

impl DumpReply {
    /// What the driver of an interface tells; `None` when it is left open.
    pub(super) fn link_modes(&self, ifindex: u32) -> Option<LinkModes> {
        let place = self.replies.binary_search_by_key(&ifindex, |reply| reply.ifindex);
        match place.ok().and_then(|place| self.replies.get(place)) {
            Some(reply) => Some(reply.link_modes),
            // Who does not support it is passed over.
            None => self.is_whole.then_some(NOTHING),
        }
    }

    /// Makes the dump, which began then.
    fn fill(&mut self, backend: &mut Backend, scratch: &mut Scratch, start: Instant) {
        let Self { replies, .. } = self;
        let end = backend.ask_all(scratch, |reply| replies.push(reply));
        replies.sort_unstable_by_key(|reply| reply.ifindex);
        let limit = STUCK + QUICK_IN_DUMP * u32::try_from(replies.len()).unwrap_or(u32::MAX);
        // Whose driver was the slow one is found out when they are asked one by one.
        self.took = (start.elapsed() < limit).then_some(Duration::ZERO);
        self.is_whole = end == Ok(Dump::Whole);
    }
}

/// The thread that asks drivers. It ends with this.
#[derive(Debug)]
pub struct SpeedThread {
    shared: Arc<Shared>,
}

/// What one network namespace has to do with it.
#[derive(Debug)]
pub(super) struct Speeds {
    shared: Arc<Shared>,
    client: ClientId,
    wants_names: bool,
}

/// What the thread and those who ask it have in common.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// A query came, a reply came, or the end.
    change: Condvar,
}

#[derive(Debug, Default)]
struct State {
    last_client: ClientId,
    clients: BTreeMap<ClientId, Client>,
    /// To be filled by one dump each.
    dumps: Vec<(ClientId, DumpReply)>,
    /// One by one, in the order in which they were asked.
    quick: VecDeque<(ClientId, Query)>,
    slow: VecDeque<(ClientId, Query)>,
    /// Since when the kernel is being asked, and whether for one that was slow before.
    asking: Option<(Instant, bool)>,
    is_over: bool,
}

/// What a network namespace is told by. None comes twice.
type ClientId = u64;

/// A network namespace: how to ask there, and the replies that were not taken yet.
#[derive(Debug)]
struct Client {
    /// The thread has it while it asks there.
    backend: Option<Backend>,
    replies: Vec<Reply>,
    dump_replies: Vec<DumpReply>,
}

enum Task {
    All(DumpReply),
    One(Query),
}

impl SpeedThread {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system gives no more threads.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let work = Arc::clone(&shared);
        thread::Builder::new().name("speed".into()).spawn(move || work.answer_all())?;
        Ok(Self { shared })
    }

    /// Takes a network namespace in.
    pub(super) fn client(&self, backend: Backend) -> Speeds {
        let wants_names = matches!(backend, Backend::Sysfs(_));
        let client = self.shared.lock().add(backend);
        Speeds { shared: Arc::clone(&self.shared), client, wants_names }
    }
}

impl Drop for SpeedThread {
    /// Lets the thread end, when it comes back from the kernel.
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.change.notify_all();
    }
}

impl Speeds {
    /// Whether a query must tell the interface's name.
    pub(super) fn wants_names(&self) -> bool {
        self.wants_names
    }

    /// Puts queries on the queue, to be answered one by one, the quick ones first.
    pub(super) fn ask(&self, queries: Vec<Query>) {
        let mut state = self.shared.lock();
        let State { clients, quick, slow, .. } = &mut *state;
        if let Some(client) = clients.get_mut(&self.client) {
            // In one piece, which goes back to the system when the replies are taken.
            client.replies.reserve_exact(queries.len());
        }
        for query in queries {
            let queue = if query.is_slow { &mut *slow } else { &mut *quick };
            queue.push_back((self.client, query));
        }
        self.shared.change.notify_all();
    }

    /// Has all drivers asked together, for so many queries of that id.
    pub(super) fn ask_all(&self, id: QueryId, count: usize) {
        let replies = Vec::with_capacity(count);
        let dump = DumpReply { id, took: None, replies, is_whole: false };
        self.shared.lock().dumps.push((self.client, dump));
        self.shared.change.notify_all();
    }

    /// After events: takes the queries of these ids back, as far as no driver is being asked
    /// yet, and all that a dump is to answer.
    pub(super) fn cancel(&self, ids: &[QueryId]) {
        let ids: HashSet<_> = ids.iter().copied().collect();
        let mut state = self.shared.lock();
        let State { clients, dumps, quick, slow, .. } = &mut *state;
        let Some(client) = clients.get_mut(&self.client) else { return };
        for queue in [quick, slow] {
            queue.retain(|(of, query)| {
                let is_cancelled = *of == self.client && ids.contains(&query.id);
                if is_cancelled {
                    client.replies.push(Reply::to(query, Ok(None), None));
                }
                !is_cancelled
            });
        }
        // It would also ask a device that has gone down since.
        let ours = dumps.extract_if(.., |(of, _)| *of == self.client);
        client.dump_replies.extend(ours.map(|(_, dump)| dump));
    }

    /// Waits until all queries are answered that are not expected to take long, or until the
    /// deadline. One driver is waited for no longer than the limit, however often this is called.
    pub(super) fn wait(&self, deadline: Instant, limit: Duration) {
        let mut state = self.shared.lock();
        while state.is_worth_waiting() {
            let until = state.asking.map_or(deadline, |(since, _)| deadline.min(since + limit));
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.shared.change.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether an answer may be about to come.
    pub(super) fn is_asking(&self) -> bool {
        self.shared.lock().asking.is_some()
    }

    /// Whether the kernel has been asked for so long, or will be, that its lock on all interfaces is
    /// held.
    pub(super) fn is_stuck(&self) -> bool {
        self.shared.lock().is_stuck()
    }

    /// Hands the replies on that came.
    pub(super) fn take_replies(&self, take: impl FnMut(Reply)) {
        // Not to be kept: they are many only once.
        let replies = self.take(|client| &mut client.replies);
        replies.into_iter().for_each(take);
    }

    /// What dumps told.
    pub(super) fn take_dump_replies(&self) -> Vec<DumpReply> {
        self.take(|client| &mut client.dump_replies)
    }

    fn take<T>(&self, of: fn(&mut Client) -> &mut Vec<T>) -> Vec<T> {
        self.shared
            .lock()
            .clients
            .get_mut(&self.client)
            .map(of)
            .map(std::mem::take)
            .unwrap_or_default()
    }
}

impl Drop for Speeds {
    /// Leaves no query behind, and no socket, which would keep its network namespace alive.
    fn drop(&mut self) {
        self.shared.lock().remove(self.client);
    }
}

impl State {
    fn add(&mut self, backend: Backend) -> ClientId {
        self.last_client += 1;
        let client =
            Client { backend: Some(backend), replies: Vec::new(), dump_replies: Vec::new() };
        self.clients.insert(self.last_client, client);
        self.last_client
    }

    fn remove(&mut self, client: ClientId) {
        self.clients.remove(&client);
        self.dumps.retain(|(of, _)| *of != client);
        for queue in [&mut self.quick, &mut self.slow] {
            queue.retain(|(of, _)| *of != client);
        }
    }

    fn is_worth_waiting(&self) -> bool {
        match self.asking {
            Some((_, is_slow)) => !is_slow,
            None => !self.quick.is_empty() || !self.dumps.is_empty(),
        }
    }

    /// Also as soon as a driver is to be asked that was slow before.
    fn is_stuck(&self) -> bool {
        let is_long = |(since, is_slow): (Instant, bool)| is_slow || since.elapsed() > STUCK;
        self.asking.is_some_and(is_long) || !self.slow.is_empty()
    }

    /// What to do next, and by what.
    fn next_task(&mut self) -> Option<(ClientId, Task, Backend)> {
        let (client, task) = if let Some((client, dump)) = self.dumps.pop() {
            (client, Task::All(dump))
        } else {
            let (client, query) = pop(&mut self.quick).or_else(|| pop(&mut self.slow))?;
            (client, Task::One(query))
        };
        // Both are there: what a client asked goes with it, and the thread has a backend only while it asks.
        let backend = self.clients.get_mut(&client)?.backend.take()?;
        Some((client, task, backend))
    }
}

/// Takes the first one out, and gives the memory of a queue back with the last: they are many only once.
fn pop<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let first = queue.pop_front();
    if queue.is_empty() {
        queue.shrink_to_fit();
    }
    first
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread's life.
    fn answer_all(&self) {
        let mut scratch = Scratch::default();
        while let Some((id, task, mut backend, start)) = self.wait_for_task() {
            match task {
                Task::One(query) => {
                    let answer = backend.ask(&mut scratch, &query);
                    let reply = Reply::to(&query, answer, Some(start.elapsed()));
                    if let Some(client) = self.lock().clients.get_mut(&id) {
                        client.backend = Some(backend);
                        client.replies.push(reply);
                    }
                }
                Task::All(mut dump) => {
                    dump.fill(&mut backend, &mut scratch, start);
                    if let Some(client) = self.lock().clients.get_mut(&id) {
                        client.backend = Some(backend);
                        client.dump_replies.push(dump);
                    }
                }
            }
        }
    }

    /// Waits for a query; `None` at the end. The moment is what waiting for the answer counts from,
    /// so that a driver that was waited for in vain took too long.
    fn wait_for_task(&self) -> Option<(ClientId, Task, Backend, Instant)> {
        let mut state = self.lock();
        loop {
            state.asking = None;
            if state.is_over {
                return None;
            }
            if let Some((client, task, backend)) = state.next_task() {
                let is_slow = matches!(&task, Task::One(query) if query.is_slow);
                let start = Instant::now();
                state.asking = Some((start, is_slow));
                if is_slow {
                    self.change.notify_all();
                }
                return Some((client, task, backend, start));
            }
            self.change.notify_all();
            state = self.change.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(ifindex: u32, is_slow: bool) -> Query {
        Query { ifindex, name: Name::default(), id: QueryId::MIN, is_slow }
    }

    /// Which interfaces are asked about, in that order; `None` for all by a dump.
    fn asked(state: &mut State) -> Vec<Option<u32>> {
        std::iter::from_fn(|| {
            let (client, task, backend) = state.next_task()?;
            state.clients.get_mut(&client).unwrap().backend = Some(backend);
            Some(match task {
                Task::All(_) => None,
                Task::One(query) => Some(query.ifindex),
            })
        })
        .collect()
    }

    #[test]
    fn dumps_come_first_and_slow_drivers_last() {
        let thread = SpeedThread { shared: Arc::default() };
        let [one, other] = [(); 2].map(|()| thread.client(Backend::Nowhere));
        one.ask(vec![query(1, true), query(2, false)]);
        other.ask(vec![query(3, false), query(4, true)]);
        other.ask_all(QueryId::MIN, 0);
        let asked = asked(&mut thread.shared.lock());
        assert_eq!(asked, [None, Some(2), Some(3), Some(1), Some(4)]);
    }

    #[test]
    fn nothing_is_left_of_a_namespace_that_is_gone() {
        let thread = SpeedThread { shared: Arc::default() };
        let [one, other] = [(); 2].map(|()| thread.client(Backend::Nowhere));
        other.ask(vec![query(1, false), query(2, true)]);
        one.ask(vec![query(3, false)]);
        other.ask_all(QueryId::MIN, 0);
        drop(other);
        // Its slow driver would have others take the kernel's lock for held.
        assert!(!one.is_stuck());
        assert_eq!(asked(&mut thread.shared.lock()), [Some(3)]);
    }
}
