//! A host whose interfaces are all told at every reading: one source for each `source` that tables name.

use std::time::Instant;

use super::Reader;
use super::source::PolledSource;
use crate::config::{SourceOption, Table};
use crate::format::Format;
use crate::gather::namespace::Namespace;
use crate::log::{Log, Problems};
use crate::model::interface::Wants;
use crate::model::protocol::ProtocolStatistics;
use crate::system::facts::{Others, Way};
use crate::system::{Altname, Events, Host, NO_EVENTS, Source as _};

/// The host.
#[derive(Debug)]
pub struct PolledHost<R> {
    views: Vec<View<R>>,
    /// None: these are Linux's.
    statistics: ProtocolStatistics,
}

/// What tables report that name the same source.
#[derive(Debug)]
struct View<R> {
    source: SourceOption,
    namespace: Namespace<PolledSource<R>>,
}

impl<R: Reader> Host for PolledHost<R> {
    type Source = PolledSource<R>;

    const HAS_PROTOCOLS: bool = false;

    fn open(tables: &mut [Table], format: &'static dyn Format, log: Log) -> Self {
        let mut views = Vec::<View<R>>::new();
        for (number, table) in tables.iter().enumerate() {
            let known = views.iter().position(|view| view.source == table.source);
            let place = known.unwrap_or_else(|| {
                let source = PolledSource::new(R::open(table.source), Wants::default());
                views
                    .push(View { source: table.source, namespace: Namespace::new(source, format) });
                views.len() - 1
            });
            let Some(View { namespace, .. }) = views.get_mut(place) else { continue };
            namespace.source_mut().also_wants(table.wants());
            namespace.add_table(number, Vec::new());
        }
        for View { namespace, .. } in &views {
            log.info(format_args!("reading counters by {}", namespace.source().reader().name()));
        }
        Self { views, statistics: ProtocolStatistics::default() }
    }

    fn read(&mut self, tables: &[Table], problems: &mut Problems, hurry: &mut dyn FnMut() -> bool) {
        let mut began = Instant::now();
        for View { namespace, .. } in &mut self.views {
            namespace.start_gather();
            namespace.read(&mut began, tables, problems, hurry);
        }
    }

    fn read_details(
        &mut self,
        _tables: &[Table],
        _problems: &mut Problems,
        _hurry: &mut dyn FnMut() -> bool,
    ) {
    }

    fn after_write(&mut self) {}

    fn namespaces(
        &self,
    ) -> impl Iterator<Item = (&Namespace<PolledSource<R>>, &ProtocolStatistics)> {
        self.views.iter().map(|view| (&view.namespace, &self.statistics))
    }

    fn namespaces_mut(
        &mut self,
    ) -> impl Iterator<Item = (&mut Namespace<PolledSource<R>>, &ProtocolStatistics)> {
        let Self { views, statistics } = self;
        let statistics = &*statistics;
        views.iter_mut().map(move |view| (&mut view.namespace, statistics))
    }

    fn other_names(&self) -> Option<&[Vec<u8>]> {
        None
    }

    fn show_altnames(&mut self, _see: &mut dyn FnMut(usize, Altname<'_>)) {}

    fn way(&self, tables: &[Table], number: usize) -> Option<Way> {
        let table = tables.get(number)?;
        let view = self.views.iter().find(|view| view.source == table.source)?;
        let source = view.namespace.source();
        Some(Way {
            source: source.reader().name(),
            because: format!("source = {:?}", table.source.name()),
            lost: None,
            is_fallback: false,
            namespace: String::new(),
            files: Vec::new(),
            tells_kinds: source.capabilities().kinds,
        })
    }

    fn others(&mut self, _tables: &[Table], _log: Log) -> Others {
        Others::default()
    }

    fn events(&self) -> Events<'_> {
        NO_EVENTS
    }

    fn next_look(&self) -> Option<Instant> {
        None
    }

    fn follow(&mut self) {}
}
