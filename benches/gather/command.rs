//! How each program is run: its command line, and the files that it reads.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::process;
use crate::rows::{Program, Row};
use crate::site::Site;

/// Where `node_exporter` listens, inside the namespace.
pub(crate) const PORT: u16 = 9100;

const NODE_EXPORTER_OPTIONS: [&str; 5] = [
    "--collector.disable-defaults",
    "--collector.netdev",
    "--collector.netclass",
    "--web.disable-exporter-metrics",
    "--log.level=error",
];

/// A program that can be started as often as needed. Its files are its own, and are written before its
/// first process starts: so none is another one while it is read.
pub(crate) struct Ready {
    /// What is its own is called so.
    pub(crate) name: String,
    /// The folder with its files.
    pub(crate) folder: PathBuf,
    pub(crate) command: Vec<OsString>,
    /// What it prints in one gather; of the floor and the plugin alone.
    pub(crate) batch: Vec<u8>,
}

impl Ready {
    /// Writes the files that the program of a row reads.
    pub(crate) fn new(row: &Row, site: &Site<'_>) -> Result<Self> {
        if row.namespaces.is_some()
            && let Err(error) = site.namespaces
        {
            return Err(error.clone());
        }
        let plain: String = row.name.chars().filter(char::is_ascii_alphanumeric).collect();
        let name = format!("{}-{plain}", site.namespace.interfaces);
        let folder = site.workspace.new_folder(&name)?;
        let mut batch = Vec::new();
        let command = match &row.program {
            Program::Floor { conf, with_ipv6 } => {
                batch = once(&plugin(conf, &folder, site)?, site)?;
                let file = write(&folder, "batch", &batch)?;
                let mut command = command_line(&site.tools.myself, &["--floor".as_ref(), &file]);
                command.extend(with_ipv6.then(|| "--with-ipv6".into()));
                command
            }
            Program::Plugin { conf } => {
                let command = plugin(conf, &folder, site)?;
                batch = once(&command, site)?;
                command
            }
            Program::Telegraf { inputs, .. } => telegraf(inputs, &folder, site)?,
            Program::TelegrafPlugin { conf } => {
                telegraf(&execd(&plugin(conf, &folder, site)?), &folder, site)?
            }
            Program::NodeExporter => node_exporter(site)?,
            Program::Collectd => collectd(&folder, site)?,
        };
        Ok(Self { name, folder, command, batch })
    }
}

/// What the plugin prints in one gather.
fn once(plugin: &[OsString], site: &Site<'_>) -> Result<Vec<u8>> {
    process::output(&[plugin, &["--once".into()]].concat(), site.namespace)
}

fn plugin(conf: &[&str], folder: &Path, site: &Site<'_>) -> Result<Vec<OsString>> {
    let conf = conf.join("\n").replace("{workspace}", &site.workspace.name);
    let file = write(folder, "plugin.conf", format!("[[inputs.net]]\n{conf}\n").as_bytes())?;
    Ok(command_line(&site.tools.plugin, &["--config".as_ref(), &file]))
}

fn telegraf(input: &str, folder: &Path, site: &Site<'_>) -> Result<Vec<OsString>> {
    let text = format!(
        "[agent]\ninterval = \"1s\"\nflush_interval = \"1s\"\nomit_hostname = true\nquiet = true\n\
         skip_processors_after_aggregators = true\n\
         [[outputs.file]]\nfiles = [\"/dev/null\"]\n{input}"
    );
    let file = write(folder, "telegraf.conf", text.as_bytes())?;
    Ok(command_line(installed(site.tools.telegraf.as_ref())?, &["--config".as_ref(), &file]))
}

fn execd(plugin: &[OsString]) -> String {
    let words: Vec<_> = plugin.iter().map(|word| format!("'{}'", word.display())).collect();
    format!(
        "[[inputs.execd]]\ncommand = [{}]\nsignal = \"STDIN\"\ndata_format = \"influx\"\n\
         precision = \"1s\"\n",
        words.join(", ")
    )
}

fn node_exporter(site: &Site<'_>) -> Result<Vec<OsString>> {
    let mut command = command_line(installed(site.tools.node_exporter.as_ref())?, &[]);
    command.extend(NODE_EXPORTER_OPTIONS.map(Into::into));
    command.push(format!("--web.listen-address=127.0.0.1:{PORT}").into());
    Ok(command)
}

fn collectd(folder: &Path, site: &Site<'_>) -> Result<Vec<OsString>> {
    let file = write(folder, "collectd.conf", collectd_conf(folder).as_bytes())?;
    let collectd = installed(site.tools.collectd.as_ref())?;
    Ok(command_line(collectd, &["-f".as_ref(), "-C".as_ref(), &file]))
}

/// Its plugin `csv` prints to stdout, which is /dev/null, as Telegraf's output is.
fn collectd_conf(folder: &Path) -> String {
    format!(
        "Hostname \"bench\"\nFQDNLookup false\nInterval 1\nBaseDir \"{}\"\nPIDFile \"{}\"\n\
         LoadPlugin interface\nLoadPlugin csv\n<Plugin csv>\n  DataDir \"stdout\"\n</Plugin>\n",
        folder.display(),
        folder.join("collectd.pid").display()
    )
}

/// Rows whose program is missing are left out before; this says it again.
fn installed(program: Option<&PathBuf>) -> Result<&PathBuf> {
    program.ok_or_else(|| "the program is missing".to_owned())
}

/// Writes a file that is not there yet.
fn write(folder: &Path, name: &str, content: &[u8]) -> Result<PathBuf> {
    let path = folder.join(name);
    let written = File::create_new(&path).and_then(|mut file| file.write_all(content));
    written.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

fn command_line(program: &Path, arguments: &[&Path]) -> Vec<OsString> {
    [&[program], arguments].concat().into_iter().map(Into::into).collect()
}
