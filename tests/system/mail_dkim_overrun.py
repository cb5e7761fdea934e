"""libopendkim under valgrind, which sees what it writes where it should not."""

import shutil
import subprocess

from harness import Skip, run
from mail_dkim_support import Keys, print_dkim_path, read_print, sign, write

PASS, FAIL = "pass", "fail"


def nothing_is_written_past_the_end():
    """libopendkim writes past its list of fields where h= names more than there are and uses up all
    of them, its own signature included. It is not given the occasion: valgrind finds nothing."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise Skip("valgrind is not here (Debian package valgrind)")
    with Keys() as keys:
        message = b"From: a@sender.example\nTo: b@x.example\n\nhi\n"
        names = ["From", "To", "DKIM-Signature"]
        paths = write(keys, [sign(message, keys, "rsa2048", h=names * 2),
                             sign(message, keys, "ed", h=names[:2] * 9)])
        done = subprocess.run([valgrind, "-q", "--leak-check=full", "--error-exitcode=9",
                               print_dkim_path(), "--keys", keys.path(), *paths],
                              capture_output=True, text=True, timeout=220, check=False)
        assert done.returncode == 0, done.stderr
        said = [one["results"][0][0] for one in read_print(done.stdout)]
        assert said == [FAIL, PASS], said


if __name__ == "__main__":
    run(nothing_is_written_past_the_end)
