//! Where programs are run.

use crate::namespace::Namespace;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// What programs of one size share.
pub(crate) struct Site<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) namespace: &'a Namespace,
    pub(crate) tools: &'a Tools,
}
