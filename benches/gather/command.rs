//! How each program is run: its command line, and the files that it reads.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::process;
use crate::rows::Program;
use crate::site::Site;
use crate::workspace::Workspace;

/// Where `node_exporter` listens, inside the namespace.
pub(crate) const PORT: u16 = 9100;

const NODE_EXPORTER_OPTIONS: [&str; 5] = [
    "--collector.disable-defaults",
    "--collector.netdev",
    "--collector.netclass",
    "--web.disable-exporter-metrics",
    "--log.level=error",
];

/// The command line of a program, whose files are written.
pub(crate) fn command(program: &Program, site: &Site<'_>) -> Result<Vec<OsString>> {
    match program {
        Program::Floor { conf } => floor(conf, site),
        Program::Plugin { conf } => plugin(conf, site),
        Program::TelegrafNet => telegraf("[[inputs.net]]\nignore_protocol_stats = true\n", site),
        Program::TelegrafPlugin { conf } => telegraf(&execd(&plugin(conf, site)?), site),
        Program::NodeExporter => node_exporter(site),
        Program::Collectd => collectd(site),
    }
}

/// What the plugin prints in one gather.
pub(crate) fn once(conf: &str, site: &Site<'_>) -> Result<Vec<u8>> {
    let mut command = plugin(conf, site)?;
    command.push("--once".into());
    process::output(&command, site.namespace)
}

fn floor(conf: &str, site: &Site<'_>) -> Result<Vec<OsString>> {
    let batch = write(site, "batch", &once(conf, site)?)?;
    Ok(command_line(&site.tools.myself, &["--floor".as_ref(), &batch]))
}

fn plugin(conf: &str, site: &Site<'_>) -> Result<Vec<OsString>> {
    // Rows with the same configuration share the file.
    let plain: String = conf.chars().filter(char::is_ascii_alphanumeric).collect();
    let conf = conf.replace("{workspace}", &site.workspace.name);
    let text = format!("[[inputs.net]]\n{conf}\n");
    let file = write(site, &format!("plugin-{plain}.conf"), text.as_bytes())?;
    Ok(command_line(&site.tools.plugin, &["--config".as_ref(), &file]))
}

fn telegraf(input: &str, site: &Site<'_>) -> Result<Vec<OsString>> {
    let text = format!(
        "[agent]\ninterval = \"1s\"\nflush_interval = \"1s\"\nomit_hostname = true\nquiet = true\n\
         skip_processors_after_aggregators = true\n\
         [[outputs.file]]\nfiles = [\"/dev/null\"]\n{input}"
    );
    let file = write(site, "telegraf.conf", text.as_bytes())?;
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

fn collectd(site: &Site<'_>) -> Result<Vec<OsString>> {
    let file = write(site, "collectd.conf", collectd_conf(site.workspace).as_bytes())?;
    let collectd = installed(site.tools.collectd.as_ref())?;
    Ok(command_line(collectd, &["-f".as_ref(), "-C".as_ref(), &file]))
}

/// Its plugin `csv` prints to stdout, which is /dev/null, as Telegraf's output is.
fn collectd_conf(workspace: &Workspace) -> String {
    format!(
        "Hostname \"bench\"\nFQDNLookup false\nInterval 1\nBaseDir \"{}\"\nPIDFile \"{}\"\n\
         LoadPlugin interface\nLoadPlugin csv\n<Plugin csv>\n  DataDir \"stdout\"\n</Plugin>\n",
        workspace.file("").display(),
        workspace.file("collectd.pid").display()
    )
}

/// Rows whose program is missing are left out before; this says it again.
fn installed(program: Option<&PathBuf>) -> Result<&PathBuf> {
    program.ok_or_else(|| "the program is missing".to_owned())
}

fn write(site: &Site<'_>, name: &str, content: &[u8]) -> Result<PathBuf> {
    let file = site.workspace.file(name);
    fs::write(&file, content).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(file)
}

fn command_line(program: &Path, arguments: &[&Path]) -> Vec<OsString> {
    [&[program], arguments].concat().into_iter().map(Into::into).collect()
}
