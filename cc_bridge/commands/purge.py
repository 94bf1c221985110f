"""The command `purge`: it deletes data that is older than its retention period."""

from pathlib import Path

import click

from cc_bridge.commands.common import config_option, load_config, progress, say

__all__ = ["purge"]


@click.command()
@config_option
@click.option(
    "--dry-run", is_flag=True, help="Print the number of rows that would be deleted, and delete nothing."
)
def purge(path: Path | None, *, dry_run: bool) -> None:
    """Delete this PBX's data that is older than the days set in [retention].

    The daemon does this every night. It also purges its journal, which this command does not. The command can
    run beside the daemon: it locks the database for short moments only.

    \b
    Examples:  cc-bridge purge --dry-run
               CC_BRIDGE_RETENTION__CALLS_DAYS=730 cc-bridge purge
               CC_BRIDGE_PBX__NAME=old-name cc-bridge purge    (data of a removed PBX)
    """
    from threading import Event
    from time import time

    from cc_bridge.daemon.jobs.retention import retention_policy
    from cc_bridge.storage.migrate import database
    from cc_bridge.storage.personal_data.recordings import Recordings
    from cc_bridge.storage.personal_data.retention import Purger

    config = load_config(path)
    folder = config.survey.recordings_directory
    with database(config.storage.url) as engine:
        purging = Purger(
            engine,
            config.pbx.name,
            retention_policy(config.retention),
            time(),
            Recordings(folder),
            Event().wait,
        )
        counts = purging.count()
        if not counts:
            say("nothing to delete: [retention] keeps all data for ever")
            return
        if dry_run:
            for name, rows in counts.items():
                say(f"{name:<16}{rows:>10}  would be deleted")
            return
        with progress(sum(counts.values()), "purge") as bar:
            done = purging.run(bar.update)
    for name in counts:
        say(f"{name:<16}{done.rows.get(name, 0):>10}  deleted")
    if done.not_here:
        say(
            f"{done.not_here} recordings were not found in {folder} on this machine; if the PBX has them, "
            f"delete them there: find {folder} -name '*.wav' -mtime +DAYS -delete",
            err=True,
        )
