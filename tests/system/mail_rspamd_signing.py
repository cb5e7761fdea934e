"""host/mail/setup/rspamd-signing with the real rspamd: it signs as Postfix's milter, frank-milter stamps
behind it. A private rspamd: the package's configuration, our lines, no DNS and no maps from outside.
"""

import contextlib
import os
import shutil

from harness import Frankd, Skip, free_port, run
from mail_line import ALICE, BOB, FACTOR, check_stamped, message, submit
from mail_sink import Sink
from mail_support import (SENDER, SELECTOR, Keys, Postfix, Server, frank_milter, make_folder,
                          need_mail_programs, replaced, setup_file)

# What would ask others, or is for other mail than ours.
OFF = ("rbl", "fuzzy_check", "asn", "phishing", "greylist", "ratelimit", "rspamd_update", "spf",
       "dmarc")


def rspamd(folder, keys):
    """As a Server whose milter's port is `port`."""
    local, db = os.path.join(folder, "rspamd", "local.d"), os.path.join(folder, "db")
    os.makedirs(local)
    os.mkdir(db)
    shutil.chown(db, "_rspamd")
    key = os.path.join(db, f"{keys.domain}.{SELECTOR}.key")
    shutil.copy(keys.key_file, key)
    shutil.chown(key, "_rspamd")
    port, worker = free_port(), free_port()
    files = {
        "dkim_signing.conf": replaced(setup_file("rspamd-signing/dkim_signing.conf"),
                                      ("/var/lib/rspamd/dkim", db)),
        "worker-proxy.inc": f'bind_socket = "127.0.0.1:{port}";\n'
                            f'upstream "local" {{ default = yes; hosts = "127.0.0.1:{worker}"; }}\n',
        "worker-normal.inc": f'bind_socket = "127.0.0.1:{worker}";\ncount = 1;\n',
        "worker-controller.inc": "enabled = false;\n",
        "worker-fuzzy.inc": "enabled = false;\n",
        "logging.inc": 'type = "console";\n',
        "options.inc": 'dns { nameserver = ["127.0.0.1:1"]; timeout = 1ms; retransmits = 0; }\n'
                       f'pidfile = "{db}/rspamd.pid";\n',
        **{f"{name}.conf": "enabled = false;\n" for name in OFF},
    }
    for name, text in files.items():
        with open(os.path.join(local, name), "w", encoding="utf-8") as file:
            file.write(text)
    return Server("rspamd", ["/usr/bin/rspamd", "-f", "-u", "_rspamd", "-g", "_rspamd", "-c",
                             "/etc/rspamd/rspamd.conf", "--var", f"LOCAL_CONFDIR={folder}/rspamd",
                             "--var", f"DBDIR={db}", "--var", f"RUNDIR={db}"], port=port,
                  ready_s=120)  # it compiles its patterns first


def rspamd_signs_what_is_stamped():
    need_mail_programs()
    if not os.access("/usr/bin/rspamd", os.X_OK):
        raise Skip("rspamd is not installed")
    with contextlib.ExitStack() as stack:
        folder = make_folder()
        stack.callback(shutil.rmtree, folder, True)
        keys = Keys(os.path.join(folder, "dkim"))
        sink = stack.enter_context(Sink())
        signer = stack.enter_context(rspamd(folder, keys))
        frankd = stack.enter_context(Frankd(["--factor", str(FACTOR), "--device", "cpu"]))
        minter = stack.enter_context(frank_milter("mint", "--connect", frankd.ipc, folder=folder))
        sender = stack.enter_context(Postfix(f"mta.{SENDER}",
                                             relayhost=f"[127.0.0.1]:{sink.port}"))
        sender.run_setup("rspamd-signing/postfix.sh",
                         ("127.0.0.1:11332", f"127.0.0.1:{signer.port}"))
        sender.stamp_by(minter.port_number)
        sender.start()
        submit(sender.submission_port, message("smtp"))
        sender.command("sendmail", "-f", ALICE, BOB,
                       stdin=message("sendmail").replace(b"\r\n", b"\n"))
        for delivery in sink.wait(2):
            check_stamped(delivery, keys)
            signature = "".join(delivery.values("dkim-signature")[0].split())
            names = signature.split(";h=")[1].split(";")[0].split(":")
            assert names.count("message-id") == 2, names


if __name__ == "__main__":
    run(rspamd_signs_what_is_stamped)
