//! Where programs are run.

use crate::Result;
use crate::namespace::{Namespace, Namespaces};
use crate::tools::Tools;
use crate::workspace::Workspace;

/// What programs of one size share.
pub(crate) struct Site<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) namespace: &'a Namespace,
    /// Those that rows with [`Row::namespaces`](crate::rows::Row::namespaces) are about.
    pub(crate) namespaces: &'a Result<Option<Namespaces>>,
    pub(crate) tools: &'a Tools,
}
