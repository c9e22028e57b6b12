//! Speeds, asked for on a thread of their own: a driver may take seconds to tell, and holds up
//! whoever asks.
//!
//! ```text
//! Speeds ── ask, ask_all, cancel ──> RequestQueue ──> the thread ──> Backend ──> driver
//!    ^                                (dumps, quick, slow)              │
//!    └── take_replies, take_dump_replies ── inbox of the Client <───────┘
//! ```
//!
//! A network namespace is a client, with a backend and an inbox of its own; the queue and the thread are
//! for all of them. Dumps come first, then drivers that are quick, then those that were slow.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroU64;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::PATIENCE;
use super::socket::{Dump, Scratch};
use super::speed_backend::{Backend, NOTHING};
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
    pub(super) name: Box<[u8]>,
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
}

/// The thread that asks drivers. It ends with this.
#[derive(Debug)]
pub struct SpeedThread {
    requests: Arc<RequestQueue>,
}

/// What one network namespace has to do with it.
#[derive(Debug)]
pub(super) struct Speeds {
    requests: Arc<RequestQueue>,
    client: Arc<Client>,
    wants_names: bool,
}

#[derive(Debug, Default)]
struct RequestQueue {
    state: Mutex<Pending>,
    /// A query came, an answer came, or the end.
    change: Condvar,
}

/// A network namespace: how to ask there, and the answers.
#[derive(Debug)]
struct Client {
    /// Used by the thread alone.
    backend: Mutex<Backend>,
    inbox: Mutex<Inbox>,
}

/// What came for a client and was not taken yet.
#[derive(Debug, Default)]
struct Inbox {
    replies: Vec<Reply>,
    dumps: Vec<DumpReply>,
}

#[derive(Debug, Default)]
struct Pending {
    /// To be filled by one dump each.
    bulk: Vec<(Arc<Client>, DumpReply)>,
    quick: Queue,
    slow: Queue,
    /// Since when the kernel is being asked, and whether for one that was slow before.
    asking: Option<(Instant, bool)>,
    is_over: bool,
}

/// Queries in the order in which they were asked. No batch is empty.
#[derive(Debug, Default)]
struct Queue(VecDeque<QueryBatch>);

/// Queries that were asked together, in the order of their ids.
#[derive(Debug)]
struct QueryBatch {
    client: Arc<Client>,
    queries: VecDeque<Query>,
}

impl QueryBatch {
    fn is_from(&self, client: &Arc<Client>) -> bool {
        Arc::ptr_eq(&self.client, client)
    }
}

impl Queue {
    fn push(&mut self, client: &Arc<Client>, queries: impl Into<VecDeque<Query>>) {
        let queries = queries.into();
        if !queries.is_empty() {
            self.0.push_back(QueryBatch { client: Arc::clone(client), queries });
        }
    }

    fn pop(&mut self) -> Option<(Arc<Client>, Query)> {
        let batch = self.0.front_mut()?;
        let next = batch.queries.pop_front().map(|query| (Arc::clone(&batch.client), query));
        if batch.queries.is_empty() {
            self.0.pop_front();
        }
        next
    }

    /// Takes those queries out that are here.
    fn remove(&mut self, client: &Arc<Client>, ids: &[QueryId]) {
        for QueryBatch { queries, .. } in self.0.iter_mut().filter(|batch| batch.is_from(client)) {
            for id in ids {
                let place = queries.binary_search_by_key(id, |query| query.id);
                if let Some(query) = place.ok().and_then(|place| queries.remove(place)) {
                    client.answer(&query, Ok(None), None);
                }
            }
        }
        self.0.retain(|batch| !batch.queries.is_empty());
    }

    fn forget(&mut self, client: &Arc<Client>) {
        self.0.retain(|batch| !batch.is_from(client));
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

enum Task {
    All(Arc<Client>, DumpReply),
    One(Arc<Client>, Query),
}

impl SpeedThread {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system gives no more threads.
    pub fn start() -> io::Result<Self> {
        let requests = Arc::<RequestQueue>::default();
        let work = Arc::clone(&requests);
        thread::Builder::new().name("speed".into()).spawn(move || work.answer_all())?;
        Ok(Self { requests })
    }

    /// Takes a network namespace in.
    pub(super) fn client(&self, backend: Backend) -> Speeds {
        let wants_names = matches!(backend, Backend::Sysfs(_));
        let client = Client { backend: Mutex::new(backend), inbox: Mutex::default() };
        Speeds { requests: Arc::clone(&self.requests), client: Arc::new(client), wants_names }
    }
}

impl Drop for SpeedThread {
    /// Lets the thread end, when it comes back from the kernel.
    fn drop(&mut self) {
        lock(&self.requests.state).is_over = true;
        self.requests.change.notify_all();
    }
}

impl Speeds {
    /// Whether a query must tell the interface's name.
    pub(super) fn wants_names(&self) -> bool {
        self.wants_names
    }

    /// Puts queries on the queue, to be answered one by one, the quick ones first.
    pub(super) fn ask(&self, queries: Vec<Query>) {
        // In one piece, which goes back to the system when the answers are taken.
        lock(&self.client.inbox).replies.reserve_exact(queries.len());
        let mut quick = queries;
        let slow: Vec<_> = quick.extract_if(.., |query| query.is_slow).collect();
        let mut state = lock(&self.requests.state);
        state.quick.push(&self.client, quick);
        state.slow.push(&self.client, slow);
        self.requests.change.notify_all();
    }

    /// Has all drivers asked together, for so many queries of that id.
    pub(super) fn ask_all(&self, id: QueryId, count: usize) {
        let replies = Vec::with_capacity(count);
        let dump = DumpReply { id, took: None, replies, is_whole: false };
        lock(&self.requests.state).bulk.push((Arc::clone(&self.client), dump));
        self.requests.change.notify_all();
    }

    /// After events: takes the queries of these ids back, as far as no driver is being asked
    /// yet, and all that a dump is to answer.
    pub(super) fn cancel(&self, ids: &[QueryId]) {
        let mut state = lock(&self.requests.state);
        state.quick.remove(&self.client, ids);
        state.slow.remove(&self.client, ids);
        // It would also ask a device that has gone down since.
        let ours = state.bulk.extract_if(.., |(client, _)| Arc::ptr_eq(client, &self.client));
        lock(&self.client.inbox).dumps.extend(ours.map(|(_, dump)| dump));
    }

    /// Waits until all queries are answered that are not expected to take long, or until the
    /// deadline. One driver is waited for no longer than the limit, however often this is called.
    pub(super) fn wait(&self, deadline: Instant, limit: Duration) {
        let mut state = lock(&self.requests.state);
        while state.is_worth_waiting() {
            let until = state.asking.map_or(deadline, |(since, _)| deadline.min(since + limit));
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.requests.change.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether an answer may be about to come.
    pub(super) fn is_asking(&self) -> bool {
        lock(&self.requests.state).asking.is_some()
    }

    /// Whether the kernel has been asked for so long, or will be, that its lock on all interfaces is
    /// held.
    pub(super) fn is_stuck(&self) -> bool {
        lock(&self.requests.state).is_stuck()
    }

    /// Hands the answers on that came.
    pub(super) fn take_replies(&self, take: impl FnMut(Reply)) {
        // Not to be kept: they are many only once.
        let answers = std::mem::take(&mut lock(&self.client.inbox).replies);
        answers.into_iter().for_each(take);
    }

    /// What dumps told.
    pub(super) fn take_dump_replies(&self) -> Vec<DumpReply> {
        std::mem::take(&mut lock(&self.client.inbox).dumps)
    }
}

impl Drop for Speeds {
    /// Leaves no query behind: with it, the socket would stay open and keep its network namespace
    /// alive.
    fn drop(&mut self) {
        let mut state = lock(&self.requests.state);
        state.bulk.retain(|(client, _)| !Arc::ptr_eq(client, &self.client));
        state.quick.forget(&self.client);
        state.slow.forget(&self.client);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pending {
    fn is_worth_waiting(&self) -> bool {
        match self.asking {
            Some((_, is_slow)) => !is_slow,
            None => !self.quick.is_empty() || !self.bulk.is_empty(),
        }
    }

    /// Also as soon as a driver is to be asked that was slow before.
    fn is_stuck(&self) -> bool {
        let is_long = |(since, is_slow): (Instant, bool)| is_slow || since.elapsed() > STUCK;
        self.asking.is_some_and(is_long) || !self.slow.is_empty()
    }

    fn next_task(&mut self) -> Option<Task> {
        if let Some((client, dump)) = self.bulk.pop() {
            return Some(Task::All(client, dump));
        }
        let next = self.quick.pop().or_else(|| self.slow.pop());
        next.map(|(client, query)| Task::One(client, query))
    }
}

impl RequestQueue {
    /// The thread's life.
    fn answer_all(&self) {
        let mut scratch = Scratch::default();
        while let Some((task, start)) = self.wait_for_task() {
            match task {
                Task::One(client, query) => {
                    let reply = lock(&client.backend).ask(&mut scratch, &query);
                    client.answer(&query, reply, Some(start.elapsed()));
                }
                Task::All(client, mut dump) => {
                    client.fill(&mut dump, &mut scratch, start);
                    lock(&client.inbox).dumps.push(dump);
                }
            }
        }
    }

    /// Waits for a query; `None` at the end. The moment is what waiting for the answer counts from,
    /// so that a driver that was waited for in vain took too long.
    fn wait_for_task(&self) -> Option<(Task, Instant)> {
        let mut state = lock(&self.state);
        loop {
            state.asking = None;
            if state.is_over {
                return None;
            }
            if let Some(task) = state.next_task() {
                let is_slow = matches!(&task, Task::One(_, query) if query.is_slow);
                let start = Instant::now();
                state.asking = Some((start, is_slow));
                if is_slow {
                    self.change.notify_all();
                }
                return Some((task, start));
            }
            self.change.notify_all();
            state = self.change.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Client {
    fn answer(
        &self,
        query: &Query,
        reply: Result<Option<LinkModes>, Errno>,
        took: Option<Duration>,
    ) {
        let Query { ifindex, id, .. } = *query;
        let (link_modes, unread) = (reply.unwrap_or_default(), reply.err());
        lock(&self.inbox).replies.push(Reply { ifindex, id, link_modes, unread, took });
    }

    /// Makes a dump.
    fn fill(&self, dump: &mut DumpReply, scratch: &mut Scratch, start: Instant) {
        let DumpReply { replies, .. } = dump;
        let end = lock(&self.backend).ask_all(scratch, |reply| replies.push(reply));
        replies.sort_unstable_by_key(|reply| reply.ifindex);
        let limit = STUCK + QUICK_IN_DUMP * u32::try_from(replies.len()).unwrap_or(u32::MAX);
        // Whose driver was the slow one is found out when they are asked one by one.
        dump.took = (start.elapsed() < limit).then_some(Duration::ZERO);
        dump.is_whole = end == Ok(Dump::Whole);
    }
}
